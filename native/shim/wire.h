/* Reading and writing of length-prefixed little-endian values, for plans and messages alike. */
#ifndef BERTH_WIRE_H
#define BERTH_WIRE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct reader {
  const uint8_t *at, *end;
  int bad; /* set by the first read beyond the end; all that follow give zeros */
};

static inline const void *take(struct reader *r, size_t n) {
  if (r->bad || (size_t)(r->end - r->at) < n) {
    r->bad = 1;
    return NULL;
  }
  const void *p = r->at;
  r->at += n;
  return p;
}

static inline uint32_t take_u32(struct reader *r) {
  uint32_t v = 0;
  const void *p = take(r, sizeof v);
  if (p) memcpy(&v, p, sizeof v);
  return v;
}

static inline uint64_t take_u64(struct reader *r) {
  uint64_t v = 0;
  const void *p = take(r, sizeof v);
  if (p) memcpy(&v, p, sizeof v);
  return v;
}

static inline int32_t take_i32(struct reader *r) { return (int32_t)take_u32(r); }

/* Text in place: its NUL is on the wire. */
static inline const char *take_text(struct reader *r) {
  uint32_t n = take_u32(r);
  if (n == UINT32_MAX) r->bad = 1;
  const char *p = r->bad ? NULL : take(r, (size_t)n + 1);
  if (!p || p[n] != 0 || memchr(p, 0, n)) {
    r->bad = 1;
    return "";
  }
  return p;
}

static inline const uint8_t *take_bytes(struct reader *r, uint32_t *n) {
  *n = take_u32(r);
  const uint8_t *p = take(r, *n);
  if (!p) *n = 0;
  return p;
}

/* A list: its values are read by the caller; the count can be trusted to fit into what is left. */
static inline uint32_t take_count(struct reader *r, size_t least) {
  uint32_t n = take_u32(r);
  if (!r->bad && n > (size_t)(r->end - r->at) / least) r->bad = 1;
  return r->bad ? 0 : n;
}

struct writer {
  uint8_t *at, *end;
  int full;
};

static inline void put(struct writer *w, const void *p, size_t n) {
  if (w->full || (size_t)(w->end - w->at) < n) {
    w->full = 1;
    return;
  }
  if (n > 0) memcpy(w->at, p, n);
  w->at += n;
}

static inline void put_u32(struct writer *w, uint32_t v) { put(w, &v, sizeof v); }
static inline void put_u64(struct writer *w, uint64_t v) { put(w, &v, sizeof v); }
static inline void put_text(struct writer *w, const char *s) {
  size_t n = strlen(s);
  put_u32(w, (uint32_t)n);
  put(w, s, n + 1);
}

#endif
