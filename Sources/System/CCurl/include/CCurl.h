#include <curl/curl.h>

// curl_easy_setopt and curl_easy_getinfo, one function for each type: Swift does not import functions with `...`.

CURLcode motrans_curl_set_number(CURL *handle, CURLoption option, long value);
CURLcode motrans_curl_set_text(CURL *handle, CURLoption option, const char *value);
CURLcode motrans_curl_set_list(CURL *handle, CURLoption option, struct curl_slist *value);

/// Where the body of the reply goes, piece by piece; a writer that takes less than it was given ends the transfer.
CURLcode motrans_curl_set_writer(CURL *handle, curl_write_callback writer, void *context);

CURLcode motrans_curl_get_number(CURL *handle, CURLINFO info, long *value);
CURLcode motrans_curl_get_offset(CURL *handle, CURLINFO info, curl_off_t *value);

/// Why libcurl cannot be loaded, or NULL.
const char *motrans_curl_missing(void);
