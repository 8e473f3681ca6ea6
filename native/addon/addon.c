/*
 * berth.node: the marshaller between JavaScript and the table of system calls (calls.c). No policy here or there.
 * Each entry is exported as `name` (synchronous); blocking ones also as `nameAsync`, which gives a promise.
 */
#define _GNU_SOURCE
#include "call.h"
#include "napi.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ARGUMENTS (MAX_NUMBERS + MAX_TEXTS)

struct invocation {
    struct call call;
    const struct entry *entry;
    napi_deferred deferred;
    napi_async_work work;
    int texts;
    bool owns_bytes[MAX_TEXTS];
    char arena[MAX_TEXTS][TEXT_SIZE];
};

static napi_value refuse(napi_env env, const struct entry *entry, int argument, const char *what)
{
    char message[160];
    snprintf(message, sizeof message, "%s: argument %d: %s", entry->name, argument + 1, what);
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", message);
    return NULL;
}

/* Gives NULL, or what is wrong with the argument. */
static const char *take_text(napi_env env, napi_value value, bool nullable, struct invocation *in)
{
    int slot = in->texts++;
    char *target = in->arena[slot];
    napi_valuetype type;
    napi_typeof(env, value, &type);
    if (nullable && (type == napi_null || type == napi_undefined)) {
        in->call.text[slot] = NULL;
        return NULL;
    }
    size_t length;
    if (type == napi_string) {
        napi_get_value_string_utf8(env, value, NULL, 0, &length);
        if (length >= TEXT_SIZE) return "longer than 4096 bytes";
        napi_get_value_string_utf8(env, value, target, TEXT_SIZE, &length);
    } else {
        bool is_buffer = false;
        void *data;
        napi_is_buffer(env, value, &is_buffer);
        if (!is_buffer) return "expected a string or a Buffer";
        napi_get_buffer_info(env, value, &data, &length);
        if (length >= TEXT_SIZE) return "longer than 4096 bytes";
        if (length > 0) memcpy(target, data, length);
        target[length] = 0;
    }
    if (memchr(target, 0, length) != NULL) return "must not contain NUL bytes";
    in->call.text[slot] = target;
    in->call.length[slot] = length;
    return NULL;
}

static const char *take_bytes(napi_env env, napi_value value, bool copy, struct invocation *in)
{
    int slot = in->texts++;
    bool is_buffer = false;
    void *data;
    size_t length;
    napi_is_buffer(env, value, &is_buffer);
    if (!is_buffer) return "expected a Buffer";
    napi_get_buffer_info(env, value, &data, &length);
    if (copy) {
        char *own = malloc(length + 1);
        if (own == NULL) return "out of memory";
        if (length > 0) memcpy(own, data, length);
        data = own;
        in->owns_bytes[slot] = true;
    }
    in->call.text[slot] = data;
    in->call.length[slot] = length;
    return NULL;
}

static const char *take_bigint(napi_env env, napi_value value, int64_t *result)
{
    napi_valuetype type;
    bool lossless = true;
    napi_typeof(env, value, &type);
    if (type == napi_null || type == napi_undefined) {
        *result = NO_VALUE;
        return NULL;
    }
    if (type != napi_bigint) return "expected a bigint or null";
    napi_get_value_bigint_int64(env, value, result, &lossless);
    return lossless ? NULL : "does not fit in 64 bits";
}

static bool take_arguments(napi_env env, napi_callback_info info, bool copy, struct invocation *in)
{
    napi_value argv[MAX_ARGUMENTS];
    size_t argc = MAX_ARGUMENTS;
    int numbers = 0;
    napi_get_cb_info(env, info, &argc, argv, NULL, NULL);
    const char *letters = in->entry->arguments;
    for (int i = 0; letters[i] != 0; i++) {
        const char *wrong = NULL;
        if ((size_t)i >= argc) wrong = "missing";
        else if (letters[i] == 's' || letters[i] == 'S') wrong = take_text(env, argv[i], letters[i] == 'S', in);
        else if (letters[i] == 'b') wrong = take_bytes(env, argv[i], copy, in);
        else if (letters[i] == 'I') wrong = take_bigint(env, argv[i], &in->call.number[numbers++]);
        else if (napi_get_value_int64(env, argv[i], &in->call.number[numbers++]) != napi_ok) wrong = "expected a number";
        if (wrong != NULL) {
            refuse(env, in->entry, i, wrong);
            return false;
        }
    }
    return true;
}

static void set_text(napi_env env, napi_value object, const char *name, const char *text)
{
    napi_value value;
    napi_create_string_utf8(env, text, strlen(text), &value);
    napi_set_named_property(env, object, name, value);
}

/* An Error as Node's own: `CODE: text, call 'path' -> 'path'`, with code, errno (negative), syscall. */
static napi_value make_error(napi_env env, const struct invocation *in)
{
    const char *code = strerrorname_np(in->call.error);
    char *message = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&message, &size);
    napi_value text, error, number;
    const char *joint = " ";
    if (code == NULL) code = "UNKNOWN";
    if (to == NULL) abort();
    fprintf(to, "%s: %s, %s", code, strerrordesc_np(in->call.error), in->entry->name);
    for (int i = 0, slot = 0; in->entry->arguments[i] != 0; i++) {
        char letter = in->entry->arguments[i];
        if (letter == 'b') slot++;
        if (letter != 's' && letter != 'S') continue;
        if (in->call.text[slot] != NULL) {
            fprintf(to, "%s'%.255s'", joint, in->call.text[slot]);
            joint = " -> ";
        }
        slot++;
    }
    fclose(to);
    napi_create_string_utf8(env, message, size, &text);
    free(message);
    napi_create_error(env, NULL, text, &error);
    set_text(env, error, "code", code);
    set_text(env, error, "syscall", in->entry->name);
    napi_create_int64(env, -in->call.error, &number);
    napi_set_named_property(env, error, "errno", number);
    return error;
}

static napi_value make_result(napi_env env, struct invocation *in)
{
    napi_value result;
    if (in->entry->result == GIVES_NUMBER) napi_create_int64(env, in->call.value, &result);
    else if (in->entry->result == GIVES_BYTES)
        napi_create_buffer_copy(env, in->call.out_length, in->call.out, NULL, &result);
    else napi_get_undefined(env, &result);
    return result;
}

static void release(struct invocation *in)
{
    free(in->call.out);
    for (int i = 0; i < MAX_TEXTS; i++)
        if (in->owns_bytes[i]) free(in->call.text[i]);
}

static void start(struct invocation *in, const struct entry *entry)
{
    /* All but the arena, which is written before it is read. */
    memset(in, 0, offsetof(struct invocation, arena));
    in->entry = entry;
}

static const struct entry *entry_of(napi_env env, napi_callback_info info)
{
    void *data;
    size_t argc = 0;
    napi_get_cb_info(env, info, &argc, NULL, NULL, &data);
    return data;
}

static napi_value call_now(napi_env env, napi_callback_info info)
{
    struct invocation in;
    napi_value result = NULL;
    start(&in, entry_of(env, info));
    if (take_arguments(env, info, false, &in)) {
        in.entry->run(&in.call);
        if (in.call.value < 0) napi_throw(env, make_error(env, &in));
        else result = make_result(env, &in);
    }
    release(&in);
    return result;
}

static void execute(napi_env env, void *data)
{
    struct invocation *in = data;
    (void)env;
    in->entry->run(&in->call);
}

static void complete(napi_env env, napi_status status, void *data)
{
    struct invocation *in = data;
    if (status != napi_ok) {
        in->call.value = -1;
        in->call.error = ECANCELED;
    }
    if (in->call.value < 0) napi_reject_deferred(env, in->deferred, make_error(env, in));
    else napi_resolve_deferred(env, in->deferred, make_result(env, in));
    napi_delete_async_work(env, in->work);
    release(in);
    free(in);
}

static napi_value call_later(napi_env env, napi_callback_info info)
{
    struct invocation *in = malloc(sizeof *in);
    napi_value promise, name;
    if (in == NULL) abort();
    start(in, entry_of(env, info));
    if (!take_arguments(env, info, true, in)) {
        release(in);
        free(in);
        return NULL;
    }
    napi_create_promise(env, &in->deferred, &promise);
    napi_create_string_utf8(env, in->entry->name, strlen(in->entry->name), &name);
    napi_create_async_work(env, NULL, name, execute, complete, in, &in->work);
    napi_queue_async_work(env, in->work);
    return promise;
}

static void add(napi_env env, napi_value exports, const char *name, napi_callback callback, const struct entry *entry)
{
    napi_value function;
    /* The cast drops const: Node-API hands the pointer back untouched. */
    napi_create_function(env, name, strlen(name), callback, (void *)entry, &function);
    napi_set_named_property(env, exports, name, function);
}

__attribute__((visibility("default"))) napi_value napi_register_module_v1(napi_env env, napi_value exports)
{
    for (size_t i = 0; i < entry_count; i++) {
        char name[64];
        add(env, exports, entries[i].name, call_now, &entries[i]);
        if (entries[i].pace != BLOCKING) continue;
        snprintf(name, sizeof name, "%sAsync", entries[i].name);
        add(env, exports, name, call_later, &entries[i]);
    }
    return exports;
}
