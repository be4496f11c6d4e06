// Signing out, from the account or from the bar of who runs the stack.

import { call, credential, ownKey } from "./api.js";
import { forgetDraft } from "./draft.js";
import { revoke } from "./people.js";

/** End the key or the sign-in that this browser has, and forget what it kept. */
export async function signOut() {
  const made = ownKey.get();
  if (made !== null) await call("revokeKey", { ids: { key_id: made } }).catch(() => {}); // it ends within a day
  await revoke();
  credential.clear();
  forgetDraft();
  location.hash = "/models";
  location.reload();
}
