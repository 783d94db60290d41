import { visible } from "../../../model/visible-text.ts";
import type { PodQuery } from "./pod-query.ts";
import { ApiRefusal, isUnreadable } from "./pods-api.ts";

const ACCOUNT = /system:serviceaccount:([a-z0-9.-]+):([a-z0-9.-]+)/;
const MESSAGE_CHARACTERS_MAX = 300;

/** Why pods are not found, or not followed, in one line with what to do. */
export function podProblem(error: Error, { namespace, labelSelector }: PodQuery): string {
  const place = `pods in namespace ${namespace}`;
  if (isUnreadable(error)) {
    return `${place} cannot be followed: what the API server answers is no list of pods (${shortened(error.message)})`;
  }
  if (!(error instanceof ApiRefusal)) {
    return `${place} cannot be followed: the API server does not answer (${shortened(causeOf(error))})`;
  }
  if (error.status === 401) {
    return `${place} cannot be followed: the API server does not take the service account's token (401)`;
  }
  if (error.status === 403)
    return `${place} may not be listed and watched; ${grantLine(error.message, namespace)}`;
  const what = error.status === 400 ? `of labelSelector ${labelSelector} ` : "";
  return `${place} ${what}are refused by the API server: ${shortened(error.message)} (${error.status})`;
}

/** The server names who was refused: `User "system:serviceaccount:NAMESPACE:NAME" cannot list resource ...`. */
function grantLine(message: string, namespace: string): string {
  const [, own = "NAMESPACE", account = "SERVICEACCOUNT"] = ACCOUNT.exec(message) ?? [];
  const role = `kubectl create role keyheat-pods -n ${namespace} --verb=list,watch --resource=pods`;
  const binding = `kubectl create rolebinding keyheat-pods -n ${namespace} --role=keyheat-pods --serviceaccount=${own}:${account}`;
  return `run: ${role} && ${binding}`;
}

function causeOf(error: Error): string {
  return error.cause instanceof Error ? error.cause.message : error.message;
}

function shortened(message: string): string {
  const text = visible(message);
  return text.length > MESSAGE_CHARACTERS_MAX ? `${text.slice(0, MESSAGE_CHARACTERS_MAX)}...` : text;
}
