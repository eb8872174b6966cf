/** One form of a page, with what it would send if nobody typed anything. */
export interface Form {
  id: string;
  /** Absolute. */
  action: URL;
  method: "GET" | "POST";
  fields: Field[];
  /** Submit buttons; the first one is what Enter presses. */
  buttons: { name: string; value: string }[];
  /** The page it is on. */
  page: URL;
}

interface Field {
  name: string;
  value: string;
  /** Unchecked boxes are not sent. */
  isSent: boolean;
}

export interface Link {
  /** Absolute. */
  href: URL;
  text: string;
  classes: string[];
  /** The page it is on. */
  page: URL;
}

type Attributes = Map<string, string>;

/**
 * Forms and links of a page as a server sent it, scripts not run. Knows as much HTML as well-formed pages of programs
 * need: no repair of broken markup, no multipart forms.
 */
export function readHtml(html: string, page: URL): { title: string; forms: Form[]; links: Link[]; text: string } {
  const forms: Form[] = [];
  const links: Link[] = [];
  /** Controls name their form by id, possibly before it begins. */
  const later: (() => void)[] = [];
  let title = "";
  let form: Form | undefined;

  const formOf = (attributes: Attributes, enclosing: Form | undefined) =>
    attributes.has("form") ? forms.find(({ id }) => id === attributes.get("form")) : enclosing;
  const addField = (attributes: Attributes, value: string, isSent = true) => {
    const name = attributes.get("name");
    const enclosing = form;
    if (!name || attributes.has("disabled")) return;
    later.push(() => formOf(attributes, enclosing)?.fields.push({ name, value, isSent }));
  };
  const addButton = (attributes: Attributes) => {
    const enclosing = form;
    const button = { name: attributes.get("name") ?? "", value: attributes.get("value") ?? "" };
    if (!attributes.has("disabled")) later.push(() => formOf(attributes, enclosing)?.buttons.push(button));
  };

  for (const { name, attributes, content } of elements(html)) {
    switch (name) {
      case "title":
        title ||= textOf(content());
        break;
      case "form":
        form = newForm(attributes, page);
        forms.push(form);
        break;
      case "/form":
        form = undefined;
        break;
      case "input": {
        const type = attributes.get("type")?.toLowerCase() ?? "text";
        const isBox = type === "checkbox" || type === "radio";
        if (type === "submit" || type === "image") addButton(attributes);
        else if (isBox) addField(attributes, attributes.get("value") ?? "on", attributes.has("checked"));
        else if (type !== "button" && type !== "reset") addField(attributes, attributes.get("value") ?? "");
        break;
      }
      case "textarea":
        addField(attributes, decode(content()).replace(/^\r?\n/, ""));
        break;
      case "select": {
        const options = [...elements(content())].filter(({ name }) => name === "option");
        const chosen = options.find(({ attributes }) => attributes.has("selected")) ?? options[0];
        if (chosen) addField(attributes, chosen.attributes.get("value") ?? textOf(chosen.content()));
        break;
      }
      case "button":
        if ((attributes.get("type") ?? "submit").toLowerCase() === "submit") addButton(attributes);
        break;
      case "a": {
        const href = URL.parse(attributes.get("href") ?? "", page);
        const classes = (attributes.get("class") ?? "").split(/\s+/).filter(Boolean);
        if (attributes.has("href") && href) links.push({ href, classes, text: textOf(content()), page });
        break;
      }
    }
  }
  for (const add of later) add();
  return { title, forms, links, text: textOf(html.replace(/<(head|script|style)\b[\s\S]*?<\/\1\s*>/gi, " ")) };
}

function newForm(attributes: Attributes, page: URL): Form {
  return {
    id: attributes.get("id") ?? "",
    action: URL.parse(attributes.get("action") || page.href, page) ?? page,
    method: attributes.get("method")?.toUpperCase() === "POST" ? "POST" : "GET",
    fields: [],
    buttons: [],
    page,
  };
}

interface Element {
  /** In lower case; end tags begin with `/`. */
  name: string;
  attributes: Attributes;
  /** Markup up to the next end tag of this name: right for elements that do not nest. */
  content(): string;
}

const TAG =
  /<!--[\s\S]*?-->|<![^>]*>|<(script|style)\b[\s\S]*?<\/\1\s*>|<(\/?[a-z][a-z0-9]*)((?:"[^"]*"|'[^']*'|[^"'>])*)>/gi;

function* elements(html: string): Generator<Element> {
  for (const match of html.matchAll(TAG)) {
    const [whole, , name, attributes] = match;
    if (!name) continue;
    const start = match.index + whole.length;
    yield {
      name: name.toLowerCase(),
      attributes: readAttributes(attributes ?? ""),
      content: () => html.slice(start).split(new RegExp(`</${name}\\s*>`, "i"), 1)[0]!,
    };
  }
}

function readAttributes(text: string): Attributes {
  const attributes: Attributes = new Map();
  for (
    const [, name, , double, single, bare] of text.matchAll(
      /([^\s"'<>/=]+)(\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?/g,
    )
  ) {
    const key = name!.toLowerCase();
    if (!attributes.has(key)) attributes.set(key, decode(double ?? single ?? bare ?? ""));
  }
  return attributes;
}

const textOf = (html: string) => decode(html.replace(TAG, " ")).replace(/\s+/g, " ").trim();

const NAMED: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: "\u00a0" };

const decode = (text: string) =>
  text.replace(/&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|([a-z]+));/gi, (whole, hex, decimal, name) => {
    if (name) return NAMED[name] ?? whole;
    const code = hex ? parseInt(hex, 16) : Number(decimal);
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
