// xterm.js writes its style sheets into <style> elements, which the content security policy forbids: an attacker's
// markup could bring some, too. Here they become sheets of the page, which only scripts can make.

/** Does what makes `<style>` elements at once, and gives it elements that hold no style but keep a sheet of the page. */
export function styledBySheets(page: Document, work: () => void): void {
  const plain = Object.getOwnPropertyDescriptor(page, 'createElement');
  const create = page.createElement.bind(page) as (tag: string, options?: ElementCreationOptions) => HTMLElement;
  Object.defineProperty(page, 'createElement', {
    configurable: true,
    value: (tag: string, options?: ElementCreationOptions) =>
      tag.toLowerCase() === 'style' ? sheetElement(page, create('template')) : create(tag, options),
  });
  try {
    work();
  } finally {
    if (plain) Object.defineProperty(page, 'createElement', plain);
    else Reflect.deleteProperty(page, 'createElement');
  }
}

/** Makes what is written into an element, which is not shown, the text of a sheet that goes with it. */
function sheetElement(page: Document, element: HTMLElement): HTMLElement {
  const sheet = new CSSStyleSheet();
  page.adoptedStyleSheets = [...page.adoptedStyleSheets, sheet];
  Object.defineProperty(element, 'textContent', { set: (text: string) => sheet.replaceSync(text) });
  Object.defineProperty(element, 'remove', {
    value: () => {
      page.adoptedStyleSheets = page.adoptedStyleSheets.filter((other) => other !== sheet);
      HTMLElement.prototype.remove.call(element);
    },
  });
  return element;
}
