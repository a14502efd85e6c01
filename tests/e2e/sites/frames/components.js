// Elements that keep their links in shadow trees.

customElements.define("link-card", class extends HTMLElement {
  connectedCallback() {
    const mode = this.getAttribute("mode");
    const root = this.attachShadow({ mode });
    root.innerHTML = `<a href="https://elsewhere.example/${mode}" target="_blank"><b id="${mode}">A card</b></a>`;
  }
});

customElements.define("link-list", class extends HTMLElement {
  connectedCallback() {
    this.attachShadow({ mode: "open" }).innerHTML = "<ul><li><slot></slot></li></ul>";
  }
});

customElements.define("badge-icon", class extends HTMLElement {
  connectedCallback() {
    this.attachShadow({ mode: "open" }).innerHTML = "<b id='badge'>!</b>";
  }
});
