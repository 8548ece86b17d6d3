// The texts that image files carry about how the image was made: Easel's record, and the “infotext” that AUTOMATIC1111's
// web interface writes. PNG has them in text chunks `easel` and `parameters`; JPEG and WebP in EXIF, as ImageDescription
// and UserComment.

/** @typedef {{easel?: string, parameters?: string}} Texts */

/** @param {Uint8Array} bytes @returns {Texts} */
export const textsIn = (bytes) => (startsWith(bytes, [0x89, 0x50, 0x4e, 0x47]) ? pngTexts(bytes) : exifTexts(bytes));

/** @param {Uint8Array} bytes @param {number[]} beginning */
const startsWith = (bytes, beginning) => beginning.every((byte, index) => bytes[index] === byte);

/** @param {Uint8Array} bytes */
const latin1 = (bytes) => new TextDecoder("latin1").decode(bytes);

/**
 * The uncompressed text chunks (tEXt and iTXt; PNG specification, 11.3.3).
 * @param {Uint8Array} bytes
 * @returns {Record<string, string>}
 */
function pngTexts(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  /** @type {Record<string, string>} */
  const texts = {};
  for (let place = 8; place + 12 <= bytes.length;) {
    const length = view.getUint32(place);
    const type = latin1(bytes.subarray(place + 4, place + 8));
    const data = bytes.subarray(place + 8, place + 8 + length);
    const end = data.indexOf(0);
    if (end > 0 && type === "tEXt") texts[latin1(data.subarray(0, end))] = latin1(data.subarray(end + 1));
    if (end > 0 && type === "iTXt" && data[end + 1] === 0) {
      // After the keyword come two bytes about compression, a language tag and a translated keyword, each ended by a zero.
      const language = data.indexOf(0, end + 3);
      const translated = language < 0 ? -1 : data.indexOf(0, language + 1);
      if (translated >= 0) texts[latin1(data.subarray(0, end))] = new TextDecoder().decode(data.subarray(translated + 1));
    }
    place += 12 + length;
  }
  return texts;
}

/**
 * ImageDescription (JSON) and UserComment (UTF-16) of an EXIF block, wherever it is in the file.
 * @param {Uint8Array} bytes
 * @returns {Record<string, string>}
 */
function exifTexts(bytes) {
  /** @type {Record<string, string>} */
  const texts = {};
  const start = tiffStart(bytes);
  if (start < 0) return texts;
  const view = new DataView(bytes.buffer, bytes.byteOffset + start);
  const little = view.getUint16(0) === 0x4949;
  /** @param {number} directory */
  const read = (directory) => {
    if (directory + 2 > view.byteLength) return;
    const entries = view.getUint16(directory, little);
    for (let index = 0; index < entries && directory + 14 + 12 * index <= view.byteLength; index += 1) {
      const entry = directory + 2 + 12 * index;
      const tag = view.getUint16(entry, little);
      const count = view.getUint32(entry + 4, little);
      const value = view.getUint32(entry + 8, little);
      const data = value + count <= view.byteLength ? new Uint8Array(view.buffer, view.byteOffset + value, count) : null;
      if (tag === 0x8769) read(value);
      else if (tag === 0x010e && data) texts.easel = latin1(data).replace(/\0+$/, "");
      else if (tag === 0x9286 && data && latin1(data.subarray(0, 7)) === "UNICODE") {
        texts.parameters = new TextDecoder(little ? "utf-16le" : "utf-16be").decode(data.subarray(8));
      }
    }
  };
  if (view.byteLength >= 8) read(view.getUint32(4, little));
  return texts;
}

/** @param {Uint8Array} bytes */
function tiffStart(bytes) {
  if (startsWith(bytes, [0xff, 0xd8])) {
    for (let place = 2; place + 4 <= bytes.length && bytes[place] === 0xff && bytes[place + 1] !== 0xda;) {
      if (bytes[place + 1] === 0xe1 && latin1(bytes.subarray(place + 4, place + 8)) === "Exif") return place + 10;
      place += 2 + ((bytes[place + 2] << 8) | bytes[place + 3]);
    }
  }
  if (startsWith(bytes, [0x52, 0x49, 0x46, 0x46]) && latin1(bytes.subarray(8, 12)) === "WEBP") {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let place = 12; place + 8 <= bytes.length;) {
      const length = view.getUint32(place + 4, true);
      if (latin1(bytes.subarray(place, place + 4)) === "EXIF") {
        return latin1(bytes.subarray(place + 8, place + 12)) === "Exif" ? place + 14 : place + 8;
      }
      place += 8 + length + (length % 2);
    }
  }
  return -1;
}
