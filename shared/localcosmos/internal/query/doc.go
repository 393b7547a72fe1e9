// Package query reads and evaluates the part of Cosmos DB's query language
// that a gateway serves within one partition: SELECT with *, projections,
// VALUE, DISTINCT and TOP; WHERE; ORDER BY property paths; OFFSET LIMIT; and
// the aggregates COUNT, MIN, MAX, SUM and AVG over the whole result.
//
// The text is read to its end. What the package does not know is an Error that
// names it and its position: a part of a query is never skipped. JOIN, GROUP
// BY, EXISTS, subqueries, user-defined functions and bitwise operators are
// such refusals.
//
// It knows nothing of storage: whoever runs a query brings the items, applies
// Where, sorts by OrderBy, and projects.
package query
