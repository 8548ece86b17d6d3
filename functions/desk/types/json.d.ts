// Access to JSON as it is written (ECMAScript 2026), which TypeScript does not know yet.

interface JSON {
  parse(text: string, reviver: (this: any, key: string, value: any, context: { source: string }) => any): any;
  rawJSON(text: string): unknown;
}
