// Starts the desk: who is signed in, which page the address asks for.

import { call, connection } from "./api.js";
import { button, element, fill } from "./element.js";
import { library } from "./library.js";
import { machine } from "./machine.js";
import { make } from "./make.js";
import { failed } from "./notices.js";
import { finishSignIn, signOut } from "./open_id.js";
import { startOutbox } from "./outbox.js";
import { showRefused } from "./refused_decisions.js";
import { review } from "./review.js";
import { session } from "./session.js";
import { signInPage } from "./sign_in.js";
import { taskPage } from "./task_page.js";
import { keepTimesTrue } from "./time_ago.js";

/** @typedef {import("../types/api").Configuration} Configuration */

/**
 * A page fills `main` and returns what ends it.
 * @typedef {(main: HTMLElement, rest: string, configuration: Configuration) => () => void} Page
 */

/** @type {Record<string, {title: string, page: Page, reviewers?: boolean}>} */
const PAGES = {
  review: { title: "Review", page: review, reviewers: true },
  make: { title: "Make", page: make },
  library: { title: "Library", page: library },
  machine: { title: "Machine", page: machine },
};

const main = /** @type {HTMLElement} */ (document.getElementById("main"));
/** @type {() => void} */
let leave = () => {};

/** @param {Configuration} configuration */
function show(configuration) {
  leave();
  leave = () => {};
  const [name = "", ...rest] = location.hash.replace(/^#\//, "").split("/");
  const wanted = name === "task" ? { title: "Task", page: taskPage } : PAGES[name];
  if (!wanted || (wanted === PAGES.review && !session.reviews)) {
    location.replace(session.reviews ? "#/review" : "#/make");
    return;
  }
  document.title = `${wanted.title} · Easel`;
  for (const link of document.querySelectorAll("#pages a")) {
    if (link.getAttribute("href") === `#/${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  main.className = name;
  leave = wanted.page(main, rest.join("/"), configuration);
  window.scrollTo(0, 0);
}

/** @param {Configuration} configuration */
function frame(configuration) {
  const links = Object.entries(PAGES).filter(([, { reviewers }]) => session.identity && (!reviewers || session.reviews));
  fill(by("pages"), links.map(([name, { title }]) => element("a", { href: `#/${name}` }, title)));
  const person = session.identity;
  fill(
    by("person"),
    person && element("span", { class: "who" }, person.name, element("small", {}, person.role)),
    person && button("Sign out", () => leaveFully(configuration), { class: "quiet" }),
  );
}

/** @param {Configuration} configuration */
function leaveFully(configuration) {
  session.end();
  leaveFor(configuration, "You are signed out.");
  if (configuration.sign_in.kind === "oidc") signOut(configuration.sign_in).catch(failed);
}

/**
 * Shows the sign-in in the place of the page, to which it comes back.
 * @param {Configuration} configuration
 * @param {string} reason
 */
function leaveFor(configuration, reason) {
  leave();
  leave = () => {};
  frame(configuration);
  main.className = "sign-in";
  document.title = "Sign in · Easel";
  signInPage(main, configuration, reason, () => enter(configuration));
}

/**
 * Asks who the token's bearer is, and shows the page.
 * @param {Configuration} configuration
 */
async function enter(configuration) {
  if (!session.token) return leaveFor(configuration, "");
  try {
    session.identity = (await call("GET", "/v1/identity")).body;
  } catch (error) {
    if (session.token) wait(configuration, error);
    return;
  }
  frame(configuration);
  startOutbox();
  showRefused();
  show(configuration);
}

/**
 * Without an answer there is nothing to show yet.
 * @param {Configuration} configuration
 * @param {unknown} error
 */
function wait(configuration, error) {
  const reason = error instanceof Error ? error.message : String(error);
  main.className = "";
  fill(main, element("h1", {}, "Easel does not answer"), element("p", {}, reason), button("Try again", () => enter(configuration)));
}

/** @param {string} id */
const by = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

async function start() {
  connection.addEventListener("lost", () => fill(by("connection"), "Easel cannot be reached. What you decide is kept and sent later."));
  connection.addEventListener("back", () => fill(by("connection")));
  keepTimesTrue();
  by("skip").addEventListener("click", () => main.focus());
  session.takeFromAddress();
  /** @type {Configuration} */
  const configuration = await (await fetch("/desk/configuration.json")).json();
  if (configuration.sign_in.kind === "oidc") {
    try {
      await finishSignIn(configuration.sign_in);
    } catch (error) {
      failed(error);
    }
  }
  connection.addEventListener("expired", () => {
    session.end();
    leaveFor(configuration, "Your sign-in is over: sign in again to go on where you were.");
  });
  window.addEventListener("hashchange", () => {
    if (/^#token=/.test(location.hash)) {
      session.takeFromAddress();
      enter(configuration);
    } else if (session.identity) {
      show(configuration);
      // For those who hear the page: it is another one now.
      main.focus({ preventScroll: true });
    }
  });
  await enter(configuration);
}

start().catch((error) => fill(main, element("h1", {}, "The desk could not start"), element("p", {}, String(error))));
