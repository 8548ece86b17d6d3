// Starts the desk: who is signed in, and which page the address shows.

import { at } from "./address.js";
import { call, connection } from "./api.js";
import { collectionsPage } from "./collections.js";
import { create } from "./create.js";
import { docsPage } from "./docs.js";
import { button, element, fill } from "./element.js";
import { gridPage } from "./grid_page.js";
import { keepsSeeds } from "./json.js";
import { stopGoing } from "./keep_going.js";
import { showKeys, startKeys } from "./keys.js";
import { library } from "./library.js";
import { mentions, mentionsBadge } from "./mentions.js";
import { failed } from "./notices.js";
import { startNotifications } from "./notifications.js";
import { finishSignIn, signOut } from "./open_id.js";
import { startOutbox } from "./outbox.js";
import { showRefused } from "./refused_decisions.js";
import { queuePage } from "./queue_page.js";
import { review } from "./review.js";
import { reviewBadge } from "./review_badge.js";
import { TOKEN, session } from "./session.js";
import { signInPage } from "./sign_in.js";
import { followLink, hasLink, takesLinks } from "./sign_in_link.js";
import { system } from "./system.js";
import { taskPage } from "./task_page.js";
import { keepTimesCurrent } from "./time_ago.js";
import { tokensPage } from "./tokens.js";
import { trail } from "./trail.js";

/** @typedef {import("../types/desk").Configuration} Configuration */

/**
 * A page fills `main` and returns what ends it.
 * @typedef {(main: HTMLElement, rest: string, configuration: Configuration) => () => void} Page
 */
/** @typedef {{node: HTMLElement, stop: () => void}} Badge */

/** @type {Record<string, {title: string, page: Page, reviewers?: boolean}>} */
const PAGES = {
  review: { title: "Review", page: review, reviewers: true },
  create: { title: "Create", page: create },
  library: { title: "Library", page: library },
  collections: { title: "Collections", page: collectionsPage },
  queue: { title: "Queue", page: queuePage },
  system: { title: "System", page: system },
};

/** Pages that the menu does not lead to, and which of its entries is marked there. @type {Record<string, {title: string, page: Page, marked: () => string}>} */
const OTHERS = {
  task: { title: "Task", page: taskPage, marked: () => (trail.page.startsWith("grid/") ? "create" : trail.page) },
  grid: { title: "Grid", page: gridPage, marked: () => "create" },
  docs: { title: "API", page: docsPage, marked: () => "system" },
  tokens: { title: "Tokens", page: tokensPage, marked: () => "" },
  mentions: { title: "Mentions", page: mentions, marked: () => "" },
};

const main = /** @type {HTMLElement} */ (document.getElementById("main"));
/** @type {() => void} */
let leave = () => {};
/** Numbers in the menu, which are kept current. @type {Badge[]} */
let badges = [];

/** @param {Configuration} configuration */
function show(configuration) {
  leave();
  leave = () => {};
  // Behind a question mark are the filters of a list, which its page reads.
  const [name = "", ...rest] = location.hash.replace(/^#\//, "").split("?")[0].split("/");
  const wanted = OTHERS[name] ?? PAGES[name];
  if (!wanted || (wanted === PAGES.review && !session.reviews)) {
    location.replace(session.reviews ? "#/review" : "#/create");
    return;
  }
  document.title = `${wanted.title} · Easel`;
  for (const link of document.querySelectorAll("#pages a")) {
    if (link.getAttribute("href") === `#/${OTHERS[name]?.marked() ?? name}`) {
      // What is marked for another page only contains it.
      link.setAttribute("aria-current", name in OTHERS ? "true" : "page");
      // On a phone not all of them fit.
      link.scrollIntoView({ block: "nearest", inline: "nearest" });
    } else link.removeAttribute("aria-current");
  }
  main.className = name;
  leave = wanted.page(main, rest.join("/"), configuration);
  window.scrollTo(0, 0);
}

/** @param {Configuration} configuration */
function frame(configuration) {
  const links = Object.entries(PAGES).filter(([, { reviewers }]) => session.identity && (!reviewers || session.reviews));
  for (const badge of badges) badge.stop();
  const pages = links.map(([name, { title }]) => element("a", { href: `#/${name}` }, title));
  const mentioned = session.identity ? mentionsBadge() : null;
  badges = [...(mentioned ? [mentioned] : []), ...(session.reviews ? [reviewBadge(pages[0])] : [])];
  fill(byId("pages"), pages, mentioned?.node);
  const person = session.identity;
  fill(
    byId("person"),
    person && element("a", { class: "who", href: "#/tokens", title: "Your tokens" }, person.name, element("small", {}, person.role)),
    person && button("?", showKeys, { class: "quiet keyboard", "aria-label": "Keyboard shortcuts", title: "Keyboard shortcuts" }),
    person && button("Sign out", () => endSession(configuration), { class: "quiet" }),
  );
}

/** @param {Configuration} configuration */
function endSession(configuration) {
  session.end();
  stopGoing();
  showSignIn(configuration, "You are signed out.");
  if (configuration.sign_in.kind === "oidc") signOut(configuration.sign_in).catch(failed);
}

/**
 * Shows the sign-in page, which returns to the page that the address names.
 * @param {Configuration} configuration
 * @param {string} reason
 */
function showSignIn(configuration, reason) {
  leave();
  leave = () => {};
  frame(configuration);
  main.className = "sign-in";
  document.title = "Sign in · Easel";
  signInPage(main, configuration, reason, (typed) => enter(configuration, typed));
}

/**
 * Asks the service who the token's bearer is, then shows the page.
 * @param {Configuration} configuration
 * @param {boolean} [typed] Whether the token was just typed.
 */
async function enter(configuration, typed = false) {
  // The documentation is for everybody.
  if (!session.token && location.hash === "#/docs") return show(configuration);
  if (!session.token) return showSignIn(configuration, "");
  try {
    session.identity = (await call("GET", "/v1/identity")).body;
  } catch (error) {
    if (typed && !session.token) return showSignIn(configuration, "That token isn't valid. Check that all of it was copied, or ask for another.");
    if (session.token) offerRetry(configuration, error);
    return;
  }
  frame(configuration);
  startOutbox();
  startNotifications();
  showRefused();
  show(configuration);
}

/**
 * Without a response there is nothing to show yet.
 * @param {Configuration} configuration
 * @param {unknown} error
 */
function offerRetry(configuration, error) {
  const reason = error instanceof Error ? error.message : String(error);
  main.className = "";
  fill(main, element("h1", {}, "Easel is not responding"), element("p", {}, reason), button("Try again", () => enter(configuration)));
}

/** @param {string} id */
const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

async function start() {
  if (!keepsSeeds) throw new Error("This browser is too old. Use Chrome or Edge 114, Firefox 135, Safari 18.4, or later.");
  connection.addEventListener("lost", () =>
    fill(byId("connection"), "Can't reach Easel. Your decisions are saved and will be sent when it's back."));
  connection.addEventListener("back", () => fill(byId("connection")));
  keepTimesCurrent();
  startKeys();
  byId("skip").addEventListener("click", () => main.focus());
  /** @type {Configuration} */
  const configuration = await (await fetch(at("/desk/configuration.json"))).json();
  if (configuration.sign_in.kind === "oidc") {
    try {
      await finishSignIn(configuration.sign_in);
    } catch (error) {
      failed(error);
    }
  }
  if (takesLinks(configuration.sign_in)) await followLink().catch(failed);
  connection.addEventListener("expired", () => {
    session.end();
    showSignIn(configuration, "Your session has expired. Sign in again to pick up where you left off.");
  });
  // Signing in or out in one tab does so in all.
  window.addEventListener("storage", (event) => {
    if (event.key === TOKEN || event.key === null) location.reload();
  });
  window.addEventListener("hashchange", () => {
    if (takesLinks(configuration.sign_in) && hasLink()) {
      followLink().catch(failed).then(() => enter(configuration));
    } else if (session.identity || location.hash === "#/docs") {
      show(configuration);
      // Screen readers announce the new page from its beginning.
      main.focus({ preventScroll: true });
    } else if (!session.token) {
      showSignIn(configuration, "");
    }
  });
  await enter(configuration);
}

start().catch((error) =>
  fill(main, element("h1", {}, "The desk could not start"), element("p", {}, error instanceof Error ? error.message : String(error))));
