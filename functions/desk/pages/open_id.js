// Signing in with an OpenID Connect provider: the authorization code flow with PKCE (RFC 7636).

import { home, kept } from "./address.js";
import { base64url, randomText } from "./random.js";
import { session } from "./session.js";

const FLOW = kept("easel.flow");

/** @typedef {{issuer: string, client_id: string, scope: string}} Provider */

/**
 * Goes to the provider, which returns to this page with a code.
 * @param {Provider} provider
 */
export async function signIn(provider) {
  const { authorization_endpoint } = await endpoints(provider);
  const flow = { state: randomText(), verifier: randomText(), page: location.hash };
  sessionStorage.setItem(FLOW, JSON.stringify(flow));
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(flow.verifier));
  const address = new URL(authorization_endpoint);
  address.search = new URLSearchParams({
    response_type: "code",
    client_id: provider.client_id,
    redirect_uri: home(),
    scope: provider.scope,
    state: flow.state,
    code_challenge: base64url(new Uint8Array(digest)),
    code_challenge_method: "S256",
  }).toString();
  location.assign(address);
}

/**
 * Takes the provider's response out of the address, if there is one, and exchanges the code for a token.
 * @param {Provider} provider
 */
export async function finishSignIn(provider) {
  const response = new URLSearchParams(location.search);
  if (!response.has("state")) return;
  /** @type {{state: string, verifier: string, page: string} | null} */
  const flow = JSON.parse(sessionStorage.getItem(FLOW) ?? "null");
  sessionStorage.removeItem(FLOW);
  history.replaceState(null, "", location.pathname + (flow?.page ?? ""));
  if (!flow || response.get("state") !== flow.state) {
    throw new Error("the sign-in was not started in this tab: sign in again");
  }
  const code = response.get("code");
  if (!code) throw new Error(response.get("error_description") ?? response.get("error") ?? "the provider sent no code");
  const { token_endpoint } = await endpoints(provider);
  const body = new URLSearchParams({
    grant_type: "authorization_code",
    client_id: provider.client_id,
    redirect_uri: home(),
    code,
    code_verifier: flow.verifier,
  });
  const exchanged = await fetch(token_endpoint, { method: "POST", body, cache: "no-store" });
  const tokens = await exchanged.json().catch(() => ({}));
  if (!exchanged.ok) throw new Error(tokens.error_description ?? tokens.error ?? `the provider responded with ${exchanged.status}`);
  // Some providers' access tokens are opaque, for their own use only.
  const token = [tokens.access_token, tokens.id_token].find((text) => text?.split(".").length === 3);
  if (!token) throw new Error("the provider sent no token that the service can verify");
  session.begin(token);
}

/**
 * Signs out of the provider as well, where it offers that; it returns to this page.
 * @param {Provider} provider
 */
export async function signOut(provider) {
  const { end_session_endpoint } = await endpoints(provider);
  if (!end_session_endpoint) return;
  const address = new URL(end_session_endpoint);
  // RP-Initiated Logout calls it by the second name, Amazon Cognito by the third.
  address.search = new URLSearchParams({ client_id: provider.client_id, post_logout_redirect_uri: home(), logout_uri: home() }).toString();
  location.assign(address);
}

/**
 * @param {Provider} provider
 * @returns {Promise<{authorization_endpoint: string, token_endpoint: string, end_session_endpoint?: string}>}
 */
async function endpoints({ issuer }) {
  const response = await fetch(`${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`);
  if (!response.ok) throw new Error(`the configuration of ${issuer} could not be loaded (${response.status})`);
  return response.json();
}
