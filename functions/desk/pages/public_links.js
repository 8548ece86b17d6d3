// Where everybody sees what was published.

/**
 * The public address of each image of a task; none where published images are not public.
 * @param {import("../types/desk").Task} task
 */
export const publicLinks = ({ status, attempt }) =>
  (status === "published" ? attempt.images.flatMap((image) => image.published_url ?? []) : []);
