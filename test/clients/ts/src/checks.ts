// Named checks: one line each, counted.

let passed = 0;
let failed = 0;

export async function check(name: string, body: () => Promise<string | void>): Promise<void> {
  const began = performance.now();
  try {
    const said = await body();
    passed++;
    console.log(`ok    ${name}${said ? `: ${said}` : ""} (${Math.round(performance.now() - began)} ms)`);
  } catch (fault) {
    failed++;
    const text = fault instanceof Error ? `${fault.name}: ${fault.message}` : String(fault);
    console.log(`FAIL  ${name}: ${text.replace(/\s+/g, " ").slice(0, 300)}`);
  }
}

export function end(program: string): void {
  console.log(`${program}: ${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
}

export function want(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(message);
}

export function same(what: string, got: unknown, expected: unknown): void {
  const [a, b] = [JSON.stringify(got), JSON.stringify(expected)];
  want(a === b, `${what} is ${a}, want ${b}`);
}
