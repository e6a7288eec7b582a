/* Elements and numbers. Text only ever becomes text nodes: nothing of a model's is parsed as markup. */
const svgNamespace = new DOMParser().parseFromString('<svg></svg>', 'text/html').body.firstChild.namespaceURI;

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (name.startsWith('--') || name === 'background') node.style.setProperty(name, value);
    else node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children.filter(c => c !== null && c !== undefined));
  return node;
}
const el = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
const svg = (tag, attributes, ...children) => fill(document.createElementNS(svgNamespace, tag), attributes, children);

/* Control characters and those that turn the writing direction are shown, not obeyed. */
const visible = text => text
  .replace(/[\u0000-\u0009\u000b-\u001f]/g, c => String.fromCharCode(0x2400 + c.charCodeAt(0)))
  .replace(/\u007f/g, '\u2421')
  .replace(/[\u0080-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff0-\ufffb]/g,
    c => '\u27e8U+' + c.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0') + '\u27e9');

const known = value => value !== null && value !== undefined && Number.isFinite(value);
const grouped = value => Math.round(value).toLocaleString('en-US');
const short = value => !known(value) ? '\u2013' : (value < 0 ? '\u2212' : '') + plain(Math.abs(value));
const signed = value => !known(value) ? '\u2013' : (value > 0 ? '+' : '') + short(value);
function plain(size) {
  if (size === 0) return '0';
  if (size < 1e-3 || size >= 1e6) return size.toExponential(2);
  return size.toLocaleString('en-US', { maximumFractionDigits: size < 1 ? 4 : size < 100 ? 3 : 1 });
}
