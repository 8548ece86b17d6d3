// Who is signed in: a token for this tab, and what the service says of its bearer.

const TOKEN = "easel.token";

/** @typedef {import("../types/api").Identity} Identity */

export const session = {
  /** @type {Identity | null} What the service says of the bearer, once it was asked. */
  identity: null,

  get token() {
    return sessionStorage.getItem(TOKEN);
  },

  /** @param {string} token */
  begin(token) {
    sessionStorage.setItem(TOKEN, token);
    this.identity = null;
  },

  end() {
    sessionStorage.removeItem(TOKEN);
    this.identity = null;
  },

  /** Whether everybody's tasks can be seen and decided on. */
  get reviews() {
    return this.identity?.role === "reviewer" || this.identity?.role === "admin";
  },

  /** Takes the token of a link that signs in (`#token=…`) out of the address. */
  takeFromAddress() {
    const token = /^#token=([^&]+)$/.exec(location.hash)?.[1];
    if (!token) return;
    this.begin(token);
    history.replaceState(null, "", location.pathname);
  },
};
