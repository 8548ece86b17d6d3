// Styles: words and settings that go with many prompts. A style is applied to the form, so that what is sent is what one
// sees: where its text has {prompt}, the prompt takes its place, and other text comes after the prompt, as in other tools.

/** @typedef {import("../types/desk").SavedStyle} SavedStyle */
/** @typedef {Record<string, any>} Values */

/**
 * What was said, in a style's words.
 * @param {string} words
 * @param {string} said
 */
export function styled(words, said) {
  const text = said.trim();
  if (words.includes("{prompt}")) return words.replaceAll("{prompt}", text);
  return text ? `${text}, ${words}` : words;
}

/**
 * The values of a form with a style. Its settings take the place of the form's.
 * @param {Values} values
 * @param {Pick<SavedStyle, "prompt" | "negative_prompt" | "settings">} style
 * @returns {Values}
 */
export function withStyle(values, { prompt, negative_prompt, settings }) {
  return {
    ...values, ...settings,
    ...(prompt ? { prompt: styled(prompt, values.prompt ?? "") } : {}),
    ...(negative_prompt ? { negative_prompt: styled(negative_prompt, values.negative_prompt ?? "") } : {}),
  };
}
