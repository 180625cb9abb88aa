// Package limit keeps calls within the quotas of an API, so that the whole of a
// quota is used and nothing is sent that would be refused.
//
// A quota is a line. A call waits in every line that it touches and takes its
// places in all of them at once, or none; the line moves on by the law of the
// quota, slowed down by what the server itself says it has left, and stops for
// those whom a refusal names. A call whose turn would come too late fails before
// anything is spent. Until a line has its first answer it lets one call through
// at a time.
//
// The promise is that a line never lets more leave than its declared quota, even
// if the server speaks nonsense; what others take of the same quota is learnt
// from answers alone, so some refusals remain then. A window's first, partial
// part counts as far as the server tells. Lines are those of this process.
package limit
