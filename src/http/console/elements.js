/**
 * Elements are made and changed here and nowhere else: text goes in as text, and attributes are those of a short list. So
 * nothing that the server says can become markup, script or style.
 *
 * @typedef {Readonly<Partial<Record<"class" | "id" | "href" | "rel" | "target" | "datetime" | "title" | "role" | "scope"
 *   | "tabindex" | "viewBox" | "points" | "preserveAspectRatio" | "aria-label" | "aria-labelledby" | "data-key"
 *   | "data-label" | "data-incident" | "data-tone" | "data-action" | "type", string>>>} Attributes
 * @typedef {Node | string | null} Child
 */

const SVG = "http://www.w3.org/2000/svg";

/**
 * @param {string} tag
 * @param {Attributes} attributes
 * @param {readonly Child[]} children `null` is left out
 */
export function element(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/**
 * @param {string} tag
 * @param {Attributes} attributes
 * @param {readonly Child[]} children
 */
export function svgElement(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

/**
 * @template {Element} E
 * @param {E} made
 * @param {Attributes} attributes
 * @param {readonly Child[]} children
 */
function filled(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children.filter((child) => child !== null));
  return made;
}

/**
 * Makes the children of `shown` like those of `wanted`, and leaves alone what is so already: focus, selection and scroll
 * stay where they are. Children with a `data-key` are found again by it, others by their place.
 *
 * @param {Element} shown
 * @param {readonly Child[]} wanted
 */
export function show(shown, ...wanted) {
  const fresh = document.createDocumentFragment();
  fresh.append(...wanted.filter((child) => child !== null));
  matchChildren(shown, fresh);
}

/**
 * @param {Element} shown
 * @param {ParentNode & Node} wanted
 */
function matchChildren(shown, wanted) {
  /** @type {Map<string, Element>} */
  const keyed = new Map();
  for (const child of shown.children) {
    const key = child.getAttribute("data-key");
    if (key !== null) keyed.set(key, child);
  }
  let place = shown.firstChild;
  for (const child of [...wanted.childNodes]) {
    const known = counterpart(child, place, keyed);
    if (known === null) {
      shown.insertBefore(child, place);
      continue;
    }
    if (known === place) place = place.nextSibling;
    else shown.insertBefore(known, place);
    match(known, child);
  }
  while (place !== null) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
}

/**
 * The node that is to become like `wanted`; `null`: there is none.
 *
 * @param {ChildNode} wanted
 * @param {ChildNode | null} place
 * @param {ReadonlyMap<string, Element>} keyed
 */
function counterpart(wanted, place, keyed) {
  const key = keyOf(wanted);
  const known = key === null ? place : (keyed.get(key) ?? null);
  if (known === null || known.nodeName !== wanted.nodeName || keyOf(known) !== key) return null;
  return known;
}

/** @param {Node} node */
function keyOf(node) {
  return node instanceof Element ? node.getAttribute("data-key") : null;
}

/**
 * @param {Node} shown
 * @param {Node} wanted
 */
function match(shown, wanted) {
  if (!(shown instanceof Element) || !(wanted instanceof Element)) {
    if (shown.nodeValue !== wanted.nodeValue) shown.nodeValue = wanted.nodeValue;
    return;
  }
  for (const { name } of [...shown.attributes]) {
    if (!wanted.hasAttribute(name)) shown.removeAttribute(name);
  }
  for (const { name, value } of wanted.attributes) {
    if (shown.getAttribute(name) !== value) shown.setAttribute(name, value);
  }
  matchChildren(shown, wanted);
}
