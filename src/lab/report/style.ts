// How the report looks: one column, readable on a phone, dark where the reader has it dark.

/** The style sheet of the page. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --ground: #fff; --text: #1c1f23; --soft: #5c6570; --line: #d9dee3;
  --traffic: #9db8d2; --most: #dfe8f0; --supply: #1f6f43; --late: #c62828; --ours: #1f6f43;
  --theirs: #5c6570;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #15181b; --text: #e6e9ec; --soft: #9aa4ae; --line: #343b42;
    --traffic: #4b6b8a; --most: #26333f; --supply: #6fcf97; --late: #ff7b72; --ours: #6fcf97;
    --theirs: #9aa4ae;
  }
}
* { box-sizing: border-box }
body {
  margin: 0 auto; padding: 1rem; max-width: 62rem; background: var(--ground); color: var(--text);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere;
}
h1 { font-size: 1.5rem; line-height: 1.2 }
h2 { font-size: 1.15rem; margin: 2rem 0 .5rem }
p, li, figcaption, td, th { font-variant-numeric: tabular-nums }
.soft, footer { color: var(--soft) }
.wide { overflow-x: auto }
table { border-collapse: collapse; width: 100%; font-size: .9rem }
th, td { padding: .3rem .6rem; text-align: right; white-space: nowrap }
th { color: var(--soft); font-weight: 600 }
th.name, td.name { text-align: left }
tr { border-bottom: 1px solid var(--line) }
tr.ours td { font-weight: 600 }
figure { margin: 1rem 0 1.5rem }
figcaption { display: flex; flex-wrap: wrap; gap: 0 1rem; justify-content: space-between }
.plot { position: relative; border: 1px solid var(--line); height: 9rem }
.plot svg { position: absolute; inset: 0; width: 100%; height: 100%; overflow: hidden }
.late { height: 2.2rem; border-top: 0 }
.front { height: 22rem; margin: 1rem .8rem }
.ends { display: flex; justify-content: space-between; color: var(--soft); font-size: .8rem }
.ceiling { position: absolute; left: .3rem; top: 0; color: var(--soft); font-size: .75rem }
.dot {
  position: absolute; transform: translate(-50%, 50%); min-width: 1.5rem; height: 1.5rem;
  border-radius: 1rem; background: var(--ground); border: 2px solid var(--theirs);
  font-size: .7rem; line-height: 1.25rem; text-align: center;
}
.dot.ours { border-color: var(--ours); color: var(--ours); font-weight: 700 }
.dot.best { background: var(--most) }
.mark {
  position: absolute; top: 0; bottom: 0; border-left: 2px dashed var(--soft);
  font-size: .75rem; color: var(--soft); padding-left: .2rem; white-space: nowrap;
}
.key { display: inline-block; width: .8rem; height: .8rem; vertical-align: -.1rem }
path { vector-effect: non-scaling-stroke }
details > summary { cursor: pointer; margin: .8rem 0 }
`
