const TOKEN = "keyheat-token";

/** What the server answered where it did not do what was asked; its message is for people. */
export class Refusal extends Error {
  /**
   * @param {number} status of HTTP
   * @param {string} message
   */
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** The API of the server that the page is from. The token lasts as long as the tab. */
export class Api {
  get hasToken() {
    return sessionStorage.getItem(TOKEN) !== null;
  }

  /** @param {string | null} token `null`: forget it */
  setToken(token) {
    if (token === null) sessionStorage.removeItem(TOKEN);
    else sessionStorage.setItem(TOKEN, token);
  }

  /**
   * An answer whose body is still to be read. Throws: Refusal; TypeError where there is no answer.
   *
   * @param {string} path relative to the page
   * @param {AbortSignal} signal
   */
  async open(path, signal) {
    const token = sessionStorage.getItem(TOKEN);
    const headers = token === null ? new Headers() : new Headers({ authorization: `Bearer ${token}` });
    const response = await fetch(path, { headers, signal, credentials: "same-origin", redirect: "error" });
    if (!response.ok) throw new Refusal(response.status, await messageOf(response));
    return response;
  }

  /**
   * The JSON that stands there. Throws: as `open`; DOMException after 10 s.
   *
   * @param {string} path
   */
  async json(path) {
    const response = await this.open(path, AbortSignal.timeout(10_000));
    return await response.json();
  }

  /** What `/readyz` says: also that it is not ready is an answer. */
  async readiness() {
    const response = await fetch("readyz", { signal: AbortSignal.timeout(10_000), redirect: "error" });
    return await response.json();
  }
}

/** @param {Response} response */
async function messageOf(response) {
  try {
    const { error } = await response.json();
    return String(error.message);
  } catch {
    return `HTTP status ${response.status}`;
  }
}
