#include <curl/curl.h>

// curl_easy_setopt and curl_easy_getinfo, one function for each type: Swift does not import functions with `...`.

CURLcode motrans_curl_set_number(CURL *handle, CURLoption option, long value);
CURLcode motrans_curl_set_text(CURL *handle, CURLoption option, const char *value);
CURLcode motrans_curl_set_list(CURL *handle, CURLoption option, struct curl_slist *value);

/// Room for the words of an error, of CURL_ERROR_SIZE bytes.
CURLcode motrans_curl_set_error_buffer(CURL *handle, char *buffer);

/// Where the body of the reply, or each line of its head, goes; what takes less than it was given ends the transfer.
CURLcode motrans_curl_set_writer(CURL *handle, curl_write_callback writer, void *context);
CURLcode motrans_curl_set_header_reader(CURL *handle, curl_write_callback reader, void *context);

CURLcode motrans_curl_get_number(CURL *handle, CURLINFO info, long *value);

/// Why libcurl cannot be loaded, or NULL.
const char *motrans_curl_missing(void);
