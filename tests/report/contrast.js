// The texts in pictures whose contrast to what lies under them is below 4.5:1, by WCAG's formula.
(() => {
  const channels = (colour) => colour.match(/[\d.]+/g).map(Number);
  const luminance = (colour) => {
    const [r, g, b] = channels(colour).slice(0, 3).map((channel) => {
      const share = channel / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one, other) => {
    const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  };
  const page = getComputedStyle(document.body).backgroundColor;
  const found = [];
  for (const plot of document.querySelectorAll("svg.plot")) {
    // What is filled, in the order in which it is painted: the last one below a text is its ground.
    const grounds = [...plot.querySelectorAll("rect, text")];
    const boxes = new Map(grounds.map((it) => [it, it.getBoundingClientRect()]));
    for (const text of plot.querySelectorAll("text")) {
      const box = boxes.get(text);
      const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
      let ground = page;
      for (const rect of grounds) {
        if (rect === text) break;
        if (rect.tagName === "text") continue;
        const under = boxes.get(rect);
        const style = getComputedStyle(rect);
        const isThere = style.fill !== "none" && Number(style.fillOpacity) > 0.9 && Number(style.opacity) > 0.9;
        if (isThere && under.left <= x && x <= under.right && under.top <= y && y <= under.bottom) ground = style.fill;
      }
      const ratio = contrast(getComputedStyle(text).fill, ground);
      if (ratio < 4.5) found.push(`${text.textContent}: ${ratio.toFixed(1)}:1 in ${plot.closest("figure").id}`);
    }
  }
  return found;
})()
