// Which arithmetic made a tick; raised whenever the same observation could lead to another
// decision.

/** Named in every tick. */
export const CORE_VERSION = '2'
