// The page's requests, and the socket that tells of changes.

let base = "";

const baseOf = (platform) => (platform === "teams" ? "/teams" : "");

/** Turns to a platform's half: all requests go there. */
export function turnTo(platform) {
  base = baseOf(platform);
}

/** Who and what is in a platform's half; fails if it is not there. */
export async function stateOf(platform) {
  return parsed(await fetch(`${baseOf(platform)}/ui/state`));
}

/** A path of the half one is in. */
export const here = (path) => `${base}${path}`;

export async function get(path) {
  return parsed(await fetch(here(path)));
}

function parsed(answer) {
  if (!answer.ok) throw new Error("The page's server did not answer as expected.");
  return answer.json();
}

/** Sends an action; resolves to {ok, error?} also when the server is away. */
export async function act(verb, body) {
  try {
    const answer = await fetch(here(`/ui/${verb}`), {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    return await answer.json();
  } catch {
    return { ok: false, error: "The connection is lost. Your text is still here: send it again." };
  }
}

/** Keeps a socket open for `user`. `onEvent(event)`, `onState(connected)`. Returns its closer. */
export function listen(user, onEvent, onState) {
  let socket;
  let closed = false;
  let delay = 300;
  const open = () => {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    socket = new WebSocket(`${scheme}://${location.host}${here("/ui/socket")}?user=${encodeURIComponent(user)}`);
    socket.onopen = () => { delay = 300; onState(true); };
    socket.onmessage = (message) => onEvent(JSON.parse(message.data));
    socket.onclose = () => {
      if (closed) return;
      onState(false);
      setTimeout(open, delay);
      delay = Math.min(delay * 2, 4000);
    };
  };
  open();
  return () => { closed = true; socket.close(); };
}
