// Times and counts in words.

import { text } from "./messages.js";

/** Minutes as a person says them. */
export function duration(minutes) {
  if (minutes < 1) return text("time.short");
  const whole = Math.round(minutes);
  if (whole < 90) return text("time.minutes", { minutes: whole });
  const hours = Math.floor(whole / 60);
  return whole % 60 ? text("time.hours", { hours, minutes: whole % 60 }) : text("time.whole-hours", { hours });
}

/** An estimate: two digits are all that is known of it, or one. */
export const rough = (value, digits = 2) =>
  value.toLocaleString(document.documentElement.lang, { maximumSignificantDigits: digits });

/** A figure with three digits, 1,234 or more without a fraction. */
export const figure = (value) =>
  value.toLocaleString(document.documentElement.lang, {
    maximumSignificantDigits: Math.abs(value) < 1000 ? 3 : undefined,
    maximumFractionDigits: Math.abs(value) < 1000 ? undefined : 0,
  });
