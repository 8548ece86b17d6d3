// The page for people who are not signed in.

import { button, element, fill } from "./element.js";
import { failed } from "./notices.js";
import { signIn } from "./open_id.js";
import { signInWith, takesLinks } from "./sign_in_link.js";

/** @typedef {import("../types/desk").Configuration} Configuration */

/**
 * @param {HTMLElement} main
 * @param {Configuration} configuration
 * @param {string} reason Why it is shown, if that needs an explanation.
 * @param {(typed: boolean) => void} done `typed` says that a token was typed here.
 */
export function signInPage(main, { sign_in }, reason, done) {
  const field = element("input", { id: "token", type: "password", autocomplete: "off", required: true, spellcheck: "false" });
  /** @param {SubmitEvent} event */
  const submit = (event) => {
    event.preventDefault();
    signInWith(field.value.trim()).then(() => done(true), failed);
  };
  fill(
    main,
    element("h1", {}, "Sign in"),
    reason && element("p", { role: "alert" }, reason),
    sign_in.kind === "oidc" && element("p", {}, button("Sign in", () => signIn(sign_in).catch(failed), { class: "primary" })),
    takesLinks(sign_in)
      ? [
        sign_in.kind === "oidc" && element("p", {}, "Or with a link:"),
        element("p", {}, "Open the sign-in link printed by ", element("code", {}, "easel serve"), " (or create one with ",
          element("code", {}, "easel token --link --role reviewer --name robin"), "), or paste a link or a token:"),
        element("form", { onsubmit: submit },
          element("label", { for: "token" }, "Token"), field,
          element("button", { class: sign_in.kind === "oidc" ? "" : "primary" }, sign_in.kind === "oidc" ? "Sign in with it" : "Sign in")),
      ]
      : null,
  );
}
