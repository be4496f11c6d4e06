// People sign in at the stack's user pool, with its own calls; no other page comes between.

const PLACE = "likeness-person";
const EARLY_SECONDS = 60;
let pool = null;

/** `found` has the pool's address and this app's client id; null where the stack has no pool. */
export const usePool = (found) => { pool = found; };
export const hasPool = () => pool !== null;

/** What renews a person's token: {refresh, until}; the token itself is the API's credential. */
export const session = {
  get: () => JSON.parse(sessionStorage.getItem(PLACE) ?? localStorage.getItem(PLACE) ?? "null"),
  stays: () => localStorage.getItem(PLACE) !== null,
  set: (found, stay) => (stay ? localStorage : sessionStorage).setItem(PLACE, JSON.stringify(found)),
  clear: () => { sessionStorage.removeItem(PLACE); localStorage.removeItem(PLACE); },
};

/** The pool's refusal; `kind` is a word of the catalogue under "signin.". */
export class SignInError extends Error {
  constructor(type, message = "") {
    super(type);
    this.kind = MESSAGES.find(([, text]) => text.test(message))?.[0] ?? KINDS[type] ?? "wrong";
  }
}

const KINDS = {
  InvalidPasswordException: "weak", InvalidParameterException: "weak", CodeMismatchException: "code_wrong",
  EnableSoftwareTokenMFAException: "code_wrong", ExpiredCodeException: "code_expired", LimitExceededException: "wait",
  TooManyRequestsException: "wait", TooManyFailedAttemptsException: "wait", PasswordResetRequiredException: "reset",
};

/** NotAuthorizedException and ExpiredCodeException have several meanings, which Cognito tells by its text only. */
const MESSAGES = [
  ["wait", /attempts exceeded/i], ["ended", /session .*(expired|does not exist)|invalid session/i],
  ["first_ended", /temporary password has expired/i], ["code_used", /already been used/i],
];

async function ask(action, body, more = { ClientId: pool.client }) {
  const answer = await fetch(pool.url, {
    method: "POST",
    headers: { "Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": `AWSCognitoIdentityProviderService.${action}` },
    body: JSON.stringify({ ...more, ...body }),
  });
  const found = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new SignInError(String(found.__type ?? "").split("#").pop(), String(found.message ?? found.Message ?? ""));
  return found;
}

/** Returns {token, refresh, until}, or {challenge, session, name} for one more question. */
function outcome(found, name) {
  const result = found.AuthenticationResult;
  if (!result) return { challenge: found.ChallengeName, session: found.Session, name: found.ChallengeParameters?.USER_ID_FOR_SRP ?? name };
  return { token: result.IdToken, refresh: result.RefreshToken, until: Date.now() / 1000 + result.ExpiresIn };
}

export async function signIn(name, password) {
  const parameters = { USERNAME: name, PASSWORD: password };
  return outcome(await ask("InitiateAuth", { AuthFlow: "USER_PASSWORD_AUTH", AuthParameters: parameters }), name);
}

/** Answer NEW_PASSWORD_REQUIRED or SOFTWARE_TOKEN_MFA. */
export async function respond({ challenge, session: open, name }, answer) {
  const field = challenge === "NEW_PASSWORD_REQUIRED" ? "NEW_PASSWORD" : "SOFTWARE_TOKEN_MFA_CODE";
  const body = { ChallengeName: challenge, Session: open, ChallengeResponses: { USERNAME: name, [field]: answer } };
  return outcome(await ask("RespondToAuthChallenge", body), name);
}

export const forgot = (name) => ask("ForgotPassword", { Username: name });

export const choosePassword = (name, code, password) =>
  ask("ConfirmForgotPassword", { Username: name, ConfirmationCode: code, Password: password });

/** Return a new token when the person's own ends soon; null when it is good, or nobody has signed in. */
export async function renewed() {
  const found = session.get();
  if (found === null || pool === null || found.until - EARLY_SECONDS > Date.now() / 1000) return null;
  const answer = await ask("InitiateAuth", { AuthFlow: "REFRESH_TOKEN_AUTH", AuthParameters: { REFRESH_TOKEN: found.refresh } });
  const { token, until } = outcome(answer);
  session.set({ refresh: found.refresh, until }, session.stays());
  return token;
}

/** Ask about the person who is signed in; the token for it is fetched each time, and kept nowhere. */
async function own(action, body = {}) {
  const found = await ask("InitiateAuth", { AuthFlow: "REFRESH_TOKEN_AUTH", AuthParameters: { REFRESH_TOKEN: session.get().refresh } });
  return ask(action, { AccessToken: found.AuthenticationResult.AccessToken, ...body }, {});
}

/** Whether the person has a second factor, a code of an authenticator app. */
export const hasFactor = async () => ((await own("GetUser")).UserMFASettingList ?? []).includes("SOFTWARE_TOKEN_MFA");

/** Return the key that the person enters in the app; nothing changes before `addFactor`. */
export const newFactor = async () => (await own("AssociateSoftwareToken")).SecretCode;

export async function addFactor(code) {
  await own("VerifySoftwareToken", { UserCode: code });
  await own("SetUserMFAPreference", { SoftwareTokenMfaSettings: { Enabled: true, PreferredMfa: true } });
}

export const removeFactor = () => own("SetUserMFAPreference", { SoftwareTokenMfaSettings: { Enabled: false, PreferredMfa: false } });

/** End the sign-in at the pool; the token that is out ends within its quarter of an hour. */
export async function revoke() {
  const found = session.get();
  if (found !== null && pool !== null) await ask("RevokeToken", { Token: found.refresh }).catch(() => {});
}
