// Swiping sideways on a touch screen.

const FAR = 60;

/** Calls `swiped` with 1 for a swipe to the left, which leads on, and -1 for one to the right. @param {HTMLElement} node @param {(by: number) => void} swiped */
export function listenForSwipes(node, swiped) {
  /** @type {Touch | null} */
  let began = null;
  node.addEventListener("touchstart", ({ touches }) => (began = touches.length === 1 ? touches[0] : null), { passive: true });
  node.addEventListener("touchend", ({ changedTouches: [ended] }) => {
    if (!began || !ended) return;
    const [across, down] = [ended.clientX - began.clientX, ended.clientY - began.clientY];
    began = null;
    // An image that is larger than its place, or zoomed in, is moved instead.
    const moves = node.scrollWidth > node.clientWidth || (window.visualViewport?.scale ?? 1) > 1;
    if (!moves && Math.abs(across) > FAR && Math.abs(across) > 2 * Math.abs(down)) swiped(across < 0 ? 1 : -1);
  }, { passive: true });
}
