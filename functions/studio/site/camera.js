// A guided series with the camera: pose after pose, the person presses when ready.

import { announce, h } from "./dom.js";
import { POSES } from "./poses.js";
import { t } from "./words.js";

const SIDE = 1536;

/** Open the camera; `taken(file, pose)` gets each photo. */
export async function takePhotos(taken) {
  let place = 0;
  let count = 0;
  const video = h("video", { playsinline: true, muted: true, autoplay: true, "aria-label": t("camera.picture") });
  const pose = h("h2", { id: "pose", tabindex: "-1" });
  const hint = h("p", { class: "muted" });
  const say = () => {
    pose.textContent = t(`pose.${POSES[place]}`);
    hint.textContent = t("camera.place", { n: place + 1, of: POSES.length });
    announce(`${pose.textContent}. ${hint.textContent}`);
  };
  const step = () => { place = (place + 1) % POSES.length; say(); };
  const shoot = async () => {
    const side = Math.min(video.videoWidth, video.videoHeight);
    if (!side) return;
    const size = Math.min(side, SIDE);
    const canvas = h("canvas", { width: String(size), height: String(size) });
    canvas.getContext("2d").drawImage(video, (video.videoWidth - side) / 2, (video.videoHeight - side) / 2, side, side, 0, 0, size, size);
    const blob = await new Promise((resolve) => { canvas.toBlob(resolve, "image/jpeg", 0.95); });
    count += 1;
    taken(new File([blob], `${POSES[place]}-${count}.jpg`, { type: "image/jpeg" }), POSES[place]);
    step();
  };
  const shutter = h("button", { type: "button", class: "primary", disabled: true, onclick: shoot }, t("camera.shoot"));
  let stream = null;
  const dialog = h("dialog", { "aria-labelledby": "pose", onclose: () => {
    stream?.getTracks().forEach((track) => track.stop());
    dialog.remove();
  } }, pose, hint, video, h("div", { class: "row after" }, shutter,
    h("button", { type: "button", onclick: step }, t("camera.skip")),
    h("button", { type: "button", onclick: () => dialog.close() }, t("camera.done"))));
  document.body.append(dialog);
  dialog.showModal();
  say();
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user", width: { ideal: 1920 } } });
    if (!dialog.open) { stream.getTracks().forEach((track) => track.stop()); return; }
    video.srcObject = stream;
    shutter.disabled = false;
    shutter.focus();
  } catch {
    hint.textContent = t("camera.refused");
    hint.className = "bad-text";
    announce(hint.textContent);
  }
}
