// The picture that a drawing starts from: uploaded to where the API says.

import { call } from "./api.js";

export const TYPES = ["image/png", "image/jpeg", "image/webp"];
const MOST = 20 * 1024 * 1024;

/**
 * What keeps a file from being one; null if nothing does.
 * @param {File} file
 */
export function unfit(file) {
  if (!TYPES.includes(file.type)) return `${file.name} is no PNG, JPEG or WebP picture`;
  if (file.size > MOST) return `${file.name} has more than 20 MiB: make it smaller`;
  return null;
}

/**
 * Uploads it; returns its key.
 * @param {File} file
 * @returns {Promise<string>}
 */
export async function upload(file) {
  const { body } = await call("POST", "/v1/uploads", { body: { content_type: file.type, content_length: file.size } });
  // The browser says the length itself.
  const { "content-length": _, ...headers } = body.headers;
  const sent = await fetch(body.url, { method: body.method, headers, body: file }).catch(() => null);
  if (!sent?.ok) throw new Error(`${file.name} could not be uploaded${sent ? ` (${sent.status})` : ""}: try again`);
  return body.key;
}
