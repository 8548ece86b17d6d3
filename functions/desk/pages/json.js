// JSON in which seeds are text: they have 64 bits, and the browser's numbers only 53.

// Inside a string a quote has a backslash before it, so this is always a field.
const NUMBER = /"seed":\s*(\d+)/g;
const TEXT = /"seed":"(\d+)"/g;

/** @param {string} text */
export const readJson = (text) => JSON.parse(text.replace(NUMBER, '"seed":"$1"'));

/** @param {unknown} value */
export const writeJson = (value) => JSON.stringify(value).replace(TEXT, '"seed":$1');
