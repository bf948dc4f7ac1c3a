/** The variables that hold people's limits, as settings and errors name them. */
export const BUDGET_VARIABLE = "ENGRAM_DAILY_BUDGET_USD";
export const MAX_PAYMENT_VARIABLE = "ENGRAM_MAX_PAYMENT_USD";
