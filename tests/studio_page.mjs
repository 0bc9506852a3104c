// Runs the script of the studio's page without a browser: `node studio_page.mjs PAGE URL`.
//
// Each line on stdin is a form to submit, or empty; each line on stdout says what the page shows then, what it was
// answered and what it complained about. "deaf": true makes streams from then on that are open and tell nothing.
import {readFileSync} from "node:fs"
import {createInterface} from "node:readline"

const [page, base] = process.argv.slice(2)
const answers = [], alerts = [], cards = [], elements = {}, fetched = fetch
let submit, deaf = false

globalThis.fetch = async (path, options) => {
  const response = await fetched(base + path, options)
  answers.push(`${path} ${response.status}`)
  return response
}

globalThis.EventSource = class {            // without coming back: no server here ends a stream before its end
  static CLOSED = 2
  readyState = 1
  listeners = {}
  constructor(path) { if (!deaf) this.read(path) }
  addEventListener(name, listener) { this.listeners[name] = listener }
  close() { this.readyState = 2 }
  async read(path) {
    const response = await fetch(path), text = await response.text()
    this.readyState = response.ok ? 1 : 2
    if (!response.ok) return this.listeners.error({})
    for (const [, event, data] of text.matchAll(/^event: (.*)\ndata: (.*)$/gm)) this.listeners[event]({data})
  }
}

const anything = () => new Proxy(() => {}, {get: () => anything(), set: () => true, apply: () => anything()})
function cardNode() {
  const parts = {canvas: {getContext: anything, width: 1, height: 1}}
  const part = name => parts[name] ??= {style: {}, replaceChildren() {}}
  const node = {className: "", classList: {contains: name => node.className.includes(name)}, querySelector: part}
  cards.push(node)
  return {firstElementChild: node}
}
elements.card = {content: {cloneNode: cardNode}}
elements.cards = {prepend() {}}
globalThis.document = {
  forms: [{addEventListener: (_, listener) => submit = listener}],
  getElementById: id => elements[id] ??= {},
  createElement: () => ({}),
}
globalThis.FormData = class { constructor(form) { return Object.entries(form) } }
globalThis.alert = text => alerts.push(text)

const script = /<script type="module">([^]*)<\/script>/.exec(readFileSync(page, "utf8"))[1]
await import("data:text/javascript," + encodeURIComponent(script.replace("SILENCE = 15_000", "SILENCE = 500")))
for await (const line of createInterface({input: process.stdin})) {
  const form = line && JSON.parse(line)
  deaf ||= Boolean(form.deaf)
  if (form) await submit({preventDefault() {}, target: form})
  const shown = cards.map(node => `${node.className}: ${node.querySelector(".status").textContent}`)
  console.log(JSON.stringify({shown, answers: answers.splice(0), alerts: alerts.splice(0)}))
}
process.exit()
