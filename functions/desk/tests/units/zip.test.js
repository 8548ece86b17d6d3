import assert from "node:assert/strict";
import { test } from "node:test";

import { ZipWriter, crc32 } from "../../pages/zip.js";

const bytes = (text) => new TextEncoder().encode(text);

test("the check sum is that of everybody", () => {
  assert.equal(crc32(bytes("123456789")), 0xcbf43926);
  assert.equal(crc32(bytes("")), 0);
});

test("a file has its parts where its directory says", async () => {
  const zip = new ZipWriter(new Date(2027, 0, 31, 12, 30, 20));
  zip.add("001-Öl.txt", bytes("one"));
  zip.add("002.txt", bytes(""));
  const file = zip.finish();
  const view = new DataView(await file.arrayBuffer());
  const end = view.byteLength - 22;
  assert.deepEqual([view.getUint32(end, true), view.getUint16(end + 10, true)], [0x06054b50, 2]);
  let at = view.getUint32(end + 16, true);
  assert.equal(at + view.getUint32(end + 12, true), end);
  const names = [];
  for (let entry = 0; entry < 2; entry += 1) {
    assert.equal(view.getUint32(at, true), 0x02014b50);
    const [size, length, start] = [view.getUint32(at + 24, true), view.getUint16(at + 28, true), view.getUint32(at + 42, true)];
    assert.equal(view.getUint32(start, true), 0x04034b50);
    const text = (from, count) => new TextDecoder().decode(new Uint8Array(view.buffer, from, count));
    assert.equal(text(at + 46, length), text(start + 30, length));
    names.push([text(start + 30, length), text(start + 30 + length, size)]);
    at += 46 + length;
  }
  assert.deepEqual(names, [["001-Öl.txt", "one"], ["002.txt", ""]]);
});
