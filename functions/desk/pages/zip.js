// ZIP files, with their contents as they are: images are compressed already. Parts are blobs, which browsers keep outside
// of the page's memory.

const TABLE = new Uint32Array(256).map((_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

/** The check sum of bytes (CRC-32). @param {Uint8Array} bytes */
export function crc32(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) value = (value >>> 8) ^ TABLE[(value ^ byte) & 0xff];
  return (value ^ 0xffffffff) >>> 0;
}

/** Names are UTF-8, and sizes stand before the contents. */
const UTF8 = 0x0800;
const VERSION = 20;
/** The most bytes and entries of a file without ZIP64. */
const MOST_BYTES = 0xffffffff;
const MOST_ENTRIES = 0xffff;

/** @param {[number, number][]} fields Values with their bytes. */
function record(fields) {
  const view = new DataView(new ArrayBuffer(fields.reduce((sum, [, bytes]) => sum + bytes, 0)));
  let at = 0;
  for (const [value, bytes] of fields) {
    if (bytes === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    at += bytes;
  }
  return new Uint8Array(view.buffer);
}

/** The time and the day as MS-DOS wrote them. @param {Date} at @returns {[number, number]} */
const timeOf = (at) => [
  (at.getHours() << 11) | (at.getMinutes() << 5) | (at.getSeconds() >> 1),
  (Math.max(0, at.getFullYear() - 1980) << 9) | ((at.getMonth() + 1) << 5) | at.getDate(),
];

export class ZipWriter {
  /** @type {BlobPart[]} */
  #parts = [];
  /** @type {Uint8Array<ArrayBuffer>[]} */
  #directory = [];
  #length = 0;
  #time;

  /** @param {Date} [at] When its files are said to have been written. */
  constructor(at = new Date()) {
    this.#time = timeOf(at);
  }

  /**
   * Adds a file.
   * @param {string} name
   * @param {Uint8Array<ArrayBuffer>} bytes
   */
  add(name, bytes) {
    const letters = new TextEncoder().encode(name);
    if (this.#directory.length >= MOST_ENTRIES || this.#length + bytes.length > MOST_BYTES - 100_000) {
      throw new Error("the ZIP file would be too large: download fewer images at once");
    }
    const [time, day] = this.#time;
    /** @type {[number, number][]} */
    const about = [
      [VERSION, 2], [UTF8, 2], [0, 2], [time, 2], [day, 2], [crc32(bytes), 4], [bytes.length, 4], [bytes.length, 4], [letters.length, 2], [0, 2],
    ];
    const local = record([[0x04034b50, 4], ...about]);
    const central = record([[0x02014b50, 4], [VERSION, 2], ...about, [0, 2], [0, 2], [0, 2], [0, 4], [this.#length, 4]]);
    this.#parts.push(local, letters, new Blob([bytes]));
    this.#directory.push(central, letters);
    this.#length += local.length + letters.length + bytes.length;
  }

  /** The whole file. */
  finish() {
    const size = this.#directory.reduce((sum, part) => sum + part.length, 0);
    const entries = this.#directory.length / 2;
    const end = record([[0x06054b50, 4], [0, 2], [0, 2], [entries, 2], [entries, 2], [size, 4], [this.#length, 4], [0, 2]]);
    return new Blob([...this.#parts, ...this.#directory, end], { type: "application/zip" });
  }
}
