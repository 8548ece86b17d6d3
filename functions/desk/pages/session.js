// Who is signed in: a token for this tab, and what the service says about its bearer.

const TOKEN = "easel.token";

/** @typedef {import("../types/desk").Identity} Identity */

export const session = {
  /** @type {Identity | null} What the service says about the bearer, once it has responded. */
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

  /** Whether the bearer sees everybody's tasks and decides on them. */
  get reviews() {
    return this.identity?.role === "reviewer" || this.identity?.role === "admin";
  },
};
