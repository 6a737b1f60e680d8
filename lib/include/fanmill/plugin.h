/* A plug-in for `fanmill-worker --plugin FILE`: a shared library with one function, in C or any language
 * that can export a C function. It needs nothing of fanmill but this page.
 *
 * The function runs in a process of its own, one task at a time: it may crash, and a kill ends it
 * whatever it does. */
#ifndef FANMILL_PLUGIN_H
#define FANMILL_PLUGIN_H

#include <stddef.h> /* NOLINT(modernize-deprecated-headers): this is C */

#ifdef __cplusplus
extern "C" {
#endif

/** The name under which the function is looked for: `fanmill_run`. It is given the item's `in_size`
 * bytes (a JSON text, unless the item is raw), which are valid during the call.
 *
 * To succeed, set `*out` and `*out_size` to the result, a JSON text (or anything, if the item was
 * raw), and return 0. To fail, return another number; `*out`, if set, is then an error's words.
 * `*out` is read before the function is called again, then given to `fanmill_free`, if the library
 * has that, else to free(). */
int fanmill_run(const char* in, size_t in_size, char** out, size_t* out_size);

/** Optional: frees what `fanmill_run` gave. */
void fanmill_free(char* out, size_t out_size);

#ifdef __cplusplus
}
#endif

#endif
