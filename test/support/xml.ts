// A small strict reader of XML 1.0, as much of it as our reports use: what it does not accept is not well-formed.
export interface XmlElement {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly XmlElement[];
  /** Its own text, entities resolved. */
  readonly text: string;
}

const NOT_A_CHARACTER = /[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/u;
const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** The root element; throws where the text is not well-formed. */
export function parseXml(xml: string): XmlElement {
  const bad = NOT_A_CHARACTER.exec(xml);
  if (bad !== null) throw new Error(`U+${bad[0].codePointAt(0)?.toString(16)} at ${bad.index} is no XML character`);
  const prolog = /^<\?xml version="1\.0" encoding="UTF-8"\?>\s*/.exec(xml);
  if (prolog === null) throw new Error('no XML declaration');
  const [root, end] = parseElement(xml, prolog[0].length);
  if (xml.slice(end).trim() !== '') throw new Error(`text after the root element at ${end}`);
  return root;
}

function parseElement(xml: string, from: number): [XmlElement, number] {
  const open = /<([A-Za-z_][\w.-]*)((?:\s+[A-Za-z_][\w.-]*="[^"<]*")*)\s*(\/?)>/y;
  open.lastIndex = from;
  const found = open.exec(xml);
  if (found === null) throw new Error(`no start tag at ${from}: ${xml.slice(from, from + 40)}`);
  const [, name = '', list = '', slash] = found;
  const attributes: Record<string, string> = {};
  for (const [, key = '', value = ''] of list.matchAll(/([\w.-]+)="([^"]*)"/g)) {
    if (key in attributes) throw new Error(`attribute ${key} twice at ${from}`);
    attributes[key] = resolve(value);
  }
  let at = open.lastIndex;
  const children: XmlElement[] = [];
  let text = '';
  if (slash === '/') return [{ name, attributes, children, text }, at];
  for (;;) {
    const tag = xml.indexOf('<', at);
    if (tag < 0) throw new Error(`<${name}> has no end`);
    if (xml.slice(at, tag).includes(']]>')) throw new Error(`]]> in text at ${at}`);
    text += resolve(xml.slice(at, tag));
    if (xml.startsWith(`</${name}>`, tag)) return [{ name, attributes, children, text }, tag + name.length + 3];
    const [child, end] = parseElement(xml, tag);
    children.push(child);
    at = end;
  }
}

function resolve(text: string): string {
  return text.replace(/&([^;&\s]*);?/g, (whole, name: string) => {
    const value = ENTITIES[name];
    if (value === undefined || !whole.endsWith(';')) throw new Error(`unknown entity ${whole}`);
    return value;
  });
}
