// xterm.js writes its style sheets into <style> elements, which the content security policy forbids: an attacker's
// markup could bring some, too. Here they become sheets of the document, which only scripts can make.

/** A document like the page's own, whose new `<style>` elements hold no style but keep a sheet of the page. */
export function styledBySheets(page: Document): Document {
  return new Proxy(page, {
    get(document, name) {
      if (name === 'createElement') {
        return (tag: string) => (tag.toLowerCase() === 'style' ? sheetElement(document) : document.createElement(tag));
      }
      const value: unknown = Reflect.get(document, name, document);
      // The browser's functions know their document by `this`.
      return typeof value === 'function' ? value.bind(document) : value;
    },
  });
}

/** An element that is not shown; what is written into it becomes the text of a sheet, which goes with it. */
function sheetElement(document: Document): HTMLElement {
  const sheet = new CSSStyleSheet();
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  const element = document.createElement('template');
  Object.defineProperty(element, 'textContent', { set: (text: string) => sheet.replaceSync(text) });
  Object.defineProperty(element, 'remove', {
    value: () => {
      document.adoptedStyleSheets = document.adoptedStyleSheets.filter((other) => other !== sheet);
      HTMLElement.prototype.remove.call(element);
    },
  });
  return element;
}
