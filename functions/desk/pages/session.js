// Who is signed in: a token for every tab of this browser, and what the service says about its bearer.

import { kept } from "./address.js";

/** Where the browser keeps the token. */
export const TOKEN = kept("easel.token");

/** @typedef {import("../types/desk").Identity} Identity */

export const session = {
  /** @type {Identity | null} What the service says about the bearer, once it has responded. */
  identity: null,

  get token() {
    return localStorage.getItem(TOKEN);
  },

  /** @param {string} token */
  begin(token) {
    localStorage.setItem(TOKEN, token);
    this.identity = null;
  },

  end() {
    localStorage.removeItem(TOKEN);
    this.identity = null;
  },

  /** Whether the bearer sees everybody's tasks and decides on them. */
  get reviews() {
    return this.identity?.role === "reviewer" || this.identity?.role === "admin";
  },
};
