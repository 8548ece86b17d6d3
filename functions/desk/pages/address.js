// Where the service is: at the page's own address, which may have a path before the service's own paths.

/**
 * The address of one of the service's paths, such as `/v1/tasks`.
 * @param {string} path
 */
export const at = (path) => new URL(path.slice(1), document.baseURI).href;

/** The page's address, without what says which part of it is shown. */
export const home = () => location.origin + location.pathname;

// Unit tests run outside of a browser.
const path = globalThis.location?.pathname ?? "/";

/**
 * The name that the browser keeps something under. Services with different paths on one origin share its storage.
 * @param {string} name
 */
export const kept = (name) => (path === "/" ? name : `${name} ${path}`);
