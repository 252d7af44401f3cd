// Server-sent events read from a fetch: EventSource cannot send a header, and the key is one.

/** Each event of a response's body as [name, data]. */
export async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const parts = (text + value).split("\n\n");
      text = parts.pop();
      for (const part of parts) yield read(part);
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

function read(part) {
  let name = "message";
  const data = [];
  for (const line of part.split("\n")) {
    if (line.startsWith("event: ")) name = line.slice(7);
    else if (line.startsWith("data: ")) data.push(line.slice(6));
  }
  return [name, data.join("\n")];
}

/** A JSON merge patch (RFC 7396), put into `target`. */
export function merge(target, patch) {
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete target[key];
    else if (isTable(value)) target[key] = merge(isTable(target[key]) ? target[key] : {}, value);
    else target[key] = value;
  }
  return target;
}

const isTable = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
