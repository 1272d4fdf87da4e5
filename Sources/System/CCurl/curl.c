// libcurl, loaded at the first request: it stands on some thirty other libraries.

#include "CCurl.h"

#include "../lazy.h"

#define SONAME "libcurl.so.4"
#define CURL_LAZY(type, name, parameters, arguments) LAZY(lazy_find, SONAME, type, name, parameters, arguments)

// Macros of the header that check types, in the way of the functions' own names.
#undef curl_easy_setopt
#undef curl_easy_getinfo

CURL_LAZY(CURLcode, curl_global_init, (long flags), (flags))
CURL_LAZY(CURL *, curl_easy_init, (void), ())
CURL_LAZY(void, curl_easy_cleanup, (CURL * handle), (handle))
CURL_LAZY(const char *, curl_easy_strerror, (CURLcode code), (code))
CURL_LAZY(CURLM *, curl_multi_init, (void), ())
CURL_LAZY(CURLMcode, curl_multi_cleanup, (CURLM * multi), (multi))
CURL_LAZY(CURLMcode, curl_multi_add_handle, (CURLM * multi, CURL *handle), (multi, handle))
CURL_LAZY(CURLMcode, curl_multi_remove_handle, (CURLM * multi, CURL *handle), (multi, handle))
CURL_LAZY(CURLMcode, curl_multi_perform, (CURLM * multi, int *running), (multi, running))
CURL_LAZY(CURLMcode, curl_multi_poll,
          (CURLM * multi, struct curl_waitfd extra[], unsigned int count, int milliseconds, int *ready),
          (multi, extra, count, milliseconds, ready))
CURL_LAZY(CURLMsg *, curl_multi_info_read, (CURLM * multi, int *left), (multi, left))
CURL_LAZY(const char *, curl_multi_strerror, (CURLMcode code), (code))
CURL_LAZY(struct curl_slist *, curl_slist_append, (struct curl_slist * list, const char *text), (list, text))
CURL_LAZY(void, curl_slist_free_all, (struct curl_slist * list), (list))

typedef CURLcode (*variadic_set)(CURL *, CURLoption, ...);
typedef CURLcode (*variadic_get)(CURL *, CURLINFO, ...);

#define SET(value) ((variadic_set)lazy_find(SONAME, "curl_easy_setopt"))(handle, option, value)

CURLcode motrans_curl_set_number(CURL *handle, CURLoption option, long value) { return SET(value); }

CURLcode motrans_curl_set_text(CURL *handle, CURLoption option, const char *value) { return SET(value); }

CURLcode motrans_curl_set_list(CURL *handle, CURLoption option, struct curl_slist *value) { return SET(value); }

CURLcode motrans_curl_set_error_buffer(CURL *handle, char *buffer) {
    const CURLoption option = CURLOPT_ERRORBUFFER;
    return SET(buffer);
}

static CURLcode set_callback(
    CURL *handle, CURLoption function, curl_write_callback callback, CURLoption data, void *context) {
    variadic_set set = (variadic_set)lazy_find(SONAME, "curl_easy_setopt");
    CURLcode code = set(handle, function, callback);
    return code == CURLE_OK ? set(handle, data, context) : code;
}

CURLcode motrans_curl_set_writer(CURL *handle, curl_write_callback writer, void *context) {
    return set_callback(handle, CURLOPT_WRITEFUNCTION, writer, CURLOPT_WRITEDATA, context);
}

CURLcode motrans_curl_set_header_reader(CURL *handle, curl_write_callback reader, void *context) {
    return set_callback(handle, CURLOPT_HEADERFUNCTION, reader, CURLOPT_HEADERDATA, context);
}

CURLcode motrans_curl_get_number(CURL *handle, CURLINFO info, long *value) {
    return ((variadic_get)lazy_find(SONAME, "curl_easy_getinfo"))(handle, info, value);
}

const char *motrans_curl_missing(void) { return dlopen(SONAME, RTLD_NOW | RTLD_LOCAL) ? NULL : dlerror(); }
