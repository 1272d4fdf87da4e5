// libav, loaded when the first clip is opened: it stands on some 140 other libraries, whose loading takes longer than all
// else that `motrans status` does.

#include "CAV.h"

#include "../lazy.h"

#define TEXT(x) #x
#define SONAME(library, version) "lib" library ".so." TEXT(version)

#define UTIL(type, name, parameters, arguments) \
    LAZY(lazy_find, SONAME("avutil", LIBAVUTIL_VERSION_MAJOR), type, name, parameters, arguments)
#define CODEC(type, name, parameters, arguments) \
    LAZY(lazy_find, SONAME("avcodec", LIBAVCODEC_VERSION_MAJOR), type, name, parameters, arguments)
#define FORMAT(type, name, parameters, arguments) \
    LAZY(lazy_find, SONAME("avformat", LIBAVFORMAT_VERSION_MAJOR), type, name, parameters, arguments)
#define SCALE(type, name, parameters, arguments) \
    LAZY(lazy_find, SONAME("swscale", LIBSWSCALE_VERSION_MAJOR), type, name, parameters, arguments)

UTIL(AVRational, av_d2q, (double d, int max), (d, max))
UTIL(void, av_dict_free, (AVDictionary **m), (m))
UTIL(AVDictionaryEntry *, av_dict_get,
     (const AVDictionary *m, const char *key, const AVDictionaryEntry *previous, int flags), (m, key, previous, flags))
UTIL(int, av_dict_set, (AVDictionary **m, const char *key, const char *value, int flags), (m, key, value, flags))
UTIL(AVFrame *, av_frame_alloc, (void), ())
UTIL(void, av_frame_free, (AVFrame **frame), (frame))
UTIL(int, av_frame_get_buffer, (AVFrame * frame, int align), (frame, align))
UTIL(AVFrameSideData *, av_frame_get_side_data, (const AVFrame *frame, enum AVFrameSideDataType type), (frame, type))
UTIL(void, av_frame_move_ref, (AVFrame * target, AVFrame *source), (target, source))
UTIL(void, av_frame_unref, (AVFrame * frame), (frame))
UTIL(void, av_log_set_level, (int level), (level))
UTIL(const AVPixFmtDescriptor *, av_pix_fmt_desc_get, (enum AVPixelFormat format), (format))
UTIL(int, av_strerror, (int number, char *text, size_t size), (number, text, size))

CODEC(AVPacket *, av_packet_alloc, (void), ())
CODEC(void, av_packet_free, (AVPacket **packet), (packet))
CODEC(void, av_packet_rescale_ts, (AVPacket * packet, AVRational from, AVRational to), (packet, from, to))
CODEC(void, av_packet_unref, (AVPacket * packet), (packet))
#if LIBAVCODEC_VERSION_MAJOR >= 61
CODEC(const AVPacketSideData *, av_packet_side_data_get,
      (const AVPacketSideData *data, int count, enum AVPacketSideDataType type), (data, count, type))
#endif
CODEC(AVCodecContext *, avcodec_alloc_context3, (const AVCodec *codec), (codec))
CODEC(const AVCodec *, avcodec_find_decoder, (enum AVCodecID id), (id))
CODEC(const AVCodec *, avcodec_find_encoder, (enum AVCodecID id), (id))
CODEC(const AVCodec *, avcodec_find_encoder_by_name, (const char *name), (name))
CODEC(void, avcodec_free_context, (AVCodecContext **context), (context))
CODEC(const char *, avcodec_get_name, (enum AVCodecID id), (id))
CODEC(int, avcodec_open2, (AVCodecContext * context, const AVCodec *codec, AVDictionary **options),
      (context, codec, options))
CODEC(int, avcodec_parameters_copy, (AVCodecParameters * target, const AVCodecParameters *source), (target, source))
CODEC(int, avcodec_parameters_from_context, (AVCodecParameters * parameters, const AVCodecContext *context),
      (parameters, context))
CODEC(int, avcodec_parameters_to_context, (AVCodecContext * context, const AVCodecParameters *parameters),
      (context, parameters))
CODEC(int, avcodec_receive_frame, (AVCodecContext * context, AVFrame *frame), (context, frame))
CODEC(int, avcodec_receive_packet, (AVCodecContext * context, AVPacket *packet), (context, packet))
CODEC(int, avcodec_send_frame, (AVCodecContext * context, const AVFrame *frame), (context, frame))
CODEC(int, avcodec_send_packet, (AVCodecContext * context, const AVPacket *packet), (context, packet))

FORMAT(int, av_find_best_stream,
       (AVFormatContext * context, enum AVMediaType type, int wanted, int related, const AVCodec **decoder, int flags),
       (context, type, wanted, related, decoder, flags))
FORMAT(AVRational, av_guess_sample_aspect_ratio, (AVFormatContext * context, AVStream *stream, AVFrame *frame),
       (context, stream, frame))
FORMAT(int, av_interleaved_write_frame, (AVFormatContext * context, AVPacket *packet), (context, packet))
FORMAT(int, av_read_frame, (AVFormatContext * context, AVPacket *packet), (context, packet))
#if LIBAVCODEC_VERSION_MAJOR < 61
FORMAT(uint8_t *, av_stream_get_side_data,
       (const AVStream *stream, enum AVPacketSideDataType type, size_t *size), (stream, type, size))
FORMAT(uint8_t *, av_stream_new_side_data, (AVStream * stream, enum AVPacketSideDataType type, size_t size),
       (stream, type, size))
#endif
FORMAT(int, av_write_trailer, (AVFormatContext * context), (context))
FORMAT(int, avformat_alloc_output_context2,
       (AVFormatContext * *context, const AVOutputFormat *format, const char *name, const char *file),
       (context, format, name, file))
FORMAT(void, avformat_close_input, (AVFormatContext * *context), (context))
FORMAT(int, avformat_find_stream_info, (AVFormatContext * context, AVDictionary **options), (context, options))
FORMAT(void, avformat_free_context, (AVFormatContext * context), (context))
FORMAT(int, avformat_index_get_entries_count, (const AVStream *stream), (stream))
FORMAT(AVStream *, avformat_new_stream, (AVFormatContext * context, const AVCodec *codec), (context, codec))
FORMAT(int, avformat_open_input,
       (AVFormatContext * *context, const char *url, const AVInputFormat *format, AVDictionary **options),
       (context, url, format, options))
FORMAT(int, avformat_write_header, (AVFormatContext * context, AVDictionary **options), (context, options))
FORMAT(int, avio_closep, (AVIOContext * *context), (context))
FORMAT(int, avio_open, (AVIOContext * *context, const char *url, int flags), (context, url, flags))

SCALE(void, sws_freeContext, (struct SwsContext * context), (context))
SCALE(struct SwsContext *, sws_getCachedContext,
      (struct SwsContext * context, int sourceWidth, int sourceHeight, enum AVPixelFormat sourceFormat, int width,
       int height, enum AVPixelFormat format, int flags, SwsFilter *sourceFilter, SwsFilter *filter,
       const double *parameters),
      (context, sourceWidth, sourceHeight, sourceFormat, width, height, format, flags, sourceFilter, filter, parameters))
SCALE(const int *, sws_getCoefficients, (int colorspace), (colorspace))
SCALE(int, sws_getColorspaceDetails,
      (struct SwsContext * context, int **inverse, int *sourceRange, int **table, int *range, int *brightness,
       int *contrast, int *saturation),
      (context, inverse, sourceRange, table, range, brightness, contrast, saturation))
SCALE(struct SwsContext *, sws_getContext,
      (int sourceWidth, int sourceHeight, enum AVPixelFormat sourceFormat, int width, int height,
       enum AVPixelFormat format, int flags, SwsFilter *sourceFilter, SwsFilter *filter, const double *parameters),
      (sourceWidth, sourceHeight, sourceFormat, width, height, format, flags, sourceFilter, filter, parameters))
SCALE(int, sws_scale_frame, (struct SwsContext * context, AVFrame *target, const AVFrame *source),
      (context, target, source))
SCALE(int, sws_setColorspaceDetails,
      (struct SwsContext * context, const int inverse[4], int sourceRange, const int table[4], int range,
       int brightness, int contrast, int saturation),
      (context, inverse, sourceRange, table, range, brightness, contrast, saturation))
