/* A stand-in for WeCom's Finance SDK: the same 17 symbols and structs, none of its code or cipher.
 *
 * The corpid given to Init is a folder. In it:
 *   codes         lines "<function> <what>"; the first line of a function is taken off and obeyed:
 *                 a return code, or crash, or hang
 *   page.<seq>    the raw answer of GetChatData for that seq; without it: errcode 0 and no chatdata
 *   page_max      more than this many at once is errcode 301058
 *   media.<id>    a file; piece_bytes is the size of its pieces (524288)
 *   calls         is written: one line for each call with its arguments
 *   balance       is written by DestroySdk: slices and media buffers not freed
 *
 * DecryptData has no handle, so the message says what happens:
 *   ok:<key>:<json>      the JSON, when the key is that key; 10006 otherwise
 *   code:<number>        that return code
 *   again:<file>:<json>  10003 the first time (the file remembers), then the JSON
 *   once:<file>:<json>   crashes the first time, then the JSON
 *   crash: | hang: | empty:
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct { char folder[400]; } WeWorkFinanceSdk_t;
typedef struct { char *buf; int len; } Slice_t;
typedef struct { char *outindexbuf; int out_len; char *data; int data_len; int is_finish; } MediaData_t;

static int slices, medias;

static void noise(void) {
    char byte;
    printf("{\"errcode\":0} noise from the library\n");
    fflush(stdout);
    if (read(0, &byte, 1) == 1) abort(); /* it found our pipe */
}

static void path(char *out, size_t size, const WeWorkFinanceSdk_t *sdk, const char *name) {
    snprintf(out, size, "%s/%s", sdk->folder, name);
}

static char *slurp(const char *name, long *size) {
    FILE *file = fopen(name, "rb");
    if (!file) return NULL;
    fseek(file, 0, SEEK_END);
    *size = ftell(file);
    rewind(file);
    char *content = calloc(1, *size + 1);
    if (fread(content, 1, *size, file) != (size_t)*size) abort();
    fclose(file);
    return content;
}

static long number(const WeWorkFinanceSdk_t *sdk, const char *name, long otherwise) {
    char file[1024];
    long size;
    path(file, sizeof file, sdk, name);
    char *content = slurp(file, &size);
    long value = content ? atol(content) : otherwise;
    free(content);
    return value;
}

static void note(const WeWorkFinanceSdk_t *sdk, const char *line) {
    char file[1024];
    path(file, sizeof file, sdk, "calls");
    FILE *calls = fopen(file, "a");
    fprintf(calls, "%s\n", line);
    fclose(calls);
}

static int obey(const char *what) {
    if (strncmp(what, "crash", 5) == 0) raise(SIGSEGV);
    if (strncmp(what, "hang", 4) == 0) for (;;) pause();
    return atoi(what);
}

static int planned(const WeWorkFinanceSdk_t *sdk, const char *function) {
    char file[1024], rest[65536] = "", what[64] = "";
    long size;
    path(file, sizeof file, sdk, "codes");
    char *content = slurp(file, &size);
    if (!content) return 0;
    size_t length = strlen(function);
    for (char *line = strtok(content, "\n"); line; line = strtok(NULL, "\n")) {
        if (!what[0] && strncmp(line, function, length) == 0 && line[length] == ' ')
            snprintf(what, sizeof what, "%s", line + length + 1);
        else {
            strcat(rest, line);
            strcat(rest, "\n");
        }
    }
    free(content);
    if (!what[0]) return 0;
    FILE *out = fopen(file, "w");
    fputs(rest, out);
    fclose(out);
    return obey(what);
}

static void fill(Slice_t *slice, const char *content, long size) {
    free(slice->buf);
    slice->buf = malloc(size + 1);
    memcpy(slice->buf, content, size);
    slice->len = (int)size;
}

WeWorkFinanceSdk_t *NewSdk(void) { noise(); return calloc(1, sizeof(WeWorkFinanceSdk_t)); }

int Init(WeWorkFinanceSdk_t *sdk, const char *corpid, const char *secret) {
    char line[1024];
    snprintf(sdk->folder, sizeof sdk->folder, "%s", corpid);
    snprintf(line, sizeof line, "Init %zu", strlen(secret));
    note(sdk, line);
    return planned(sdk, "Init");
}

int GetChatData(WeWorkFinanceSdk_t *sdk, unsigned long long seq, unsigned int limit, const char *proxy,
                const char *passwd, int timeout, Slice_t *slice) {
    char line[1024], file[2048];
    long size;
    noise();
    snprintf(line, sizeof line, "GetChatData %llu %u [%s] [%s] %d", seq, limit, proxy, passwd, timeout);
    note(sdk, line);
    int code = planned(sdk, "GetChatData");
    if (code) return code;
    if (limit > 1000) return 10000;
    if (limit > number(sdk, "page_max", 1000)) {
        const char *answer = "{\"errcode\":301058,\"errmsg\":\"too big\"}";
        fill(slice, answer, strlen(answer));
        return 0;
    }
    snprintf(line, sizeof line, "page.%llu", seq);
    path(file, sizeof file, sdk, line);
    char *content = slurp(file, &size);
    if (content) fill(slice, content, size);
    else fill(slice, "{\"errcode\":0,\"errmsg\":\"ok\"}", 27);
    free(content);
    return 0;
}

static int first_time(const char *message, const char **json, int *code) {
    const char *colon = strchr(message, ':');
    char file[1024] = "";
    strncpy(file, message, colon - message);
    *json = colon + 1;
    *code = access(file, F_OK);
    if (*code) fclose(fopen(file, "w"));
    return *code != 0;
}

int DecryptData(const char *key, const char *message, Slice_t *slice) {
    const char *json = "";
    int code;
    if (strncmp(message, "ok:", 3) == 0) {
        size_t length = strlen(key);
        if (strncmp(message + 3, key, length) != 0 || message[3 + length] != ':') return 10006;
        json = message + 4 + length;
    } else if (strncmp(message, "code:", 5) == 0) {
        return atoi(message + 5);
    } else if (strncmp(message, "again:", 6) == 0) {
        if (first_time(message + 6, &json, &code)) return 10003;
    } else if (strncmp(message, "once:", 5) == 0) {
        if (first_time(message + 5, &json, &code)) obey("crash");
    } else if (strncmp(message, "empty:", 6) != 0) {
        return obey(message);
    }
    fill(slice, json, strlen(json));
    return 0;
}

int GetMediaData(WeWorkFinanceSdk_t *sdk, const char *index, const char *fileid, const char *proxy,
                 const char *passwd, int timeout, MediaData_t *media) {
    char line[1024], file[2048];
    long size, at = 0, piece = number(sdk, "piece_bytes", 524288);
    (void)proxy, (void)passwd, (void)timeout;
    snprintf(line, sizeof line, "GetMediaData %s [%s]", fileid, index);
    note(sdk, line);
    int code = planned(sdk, "GetMediaData");
    if (code) return code;
    if (!fileid[0]) return 10000;
    if (index[0] && sscanf(index, "Range:bytes=%ld-", &at) != 1) return 10000;
    snprintf(line, sizeof line, "media.%s", fileid);
    path(file, sizeof file, sdk, line);
    char *content = slurp(file, &size);
    if (!content) return 10010;
    long left = size - at < piece ? size - at : piece;
    media->data = malloc(left + 1);
    memcpy(media->data, content + at, left);
    media->data_len = (int)left;
    media->is_finish = at + left >= size;
    media->outindexbuf = calloc(1, 64);
    if (!media->is_finish)
        media->out_len = snprintf(media->outindexbuf, 64, "Range:bytes=%ld-%ld", at + left, at + left + piece - 1);
    free(content);
    return 0;
}

void DestroySdk(WeWorkFinanceSdk_t *sdk) {
    char file[1024];
    path(file, sizeof file, sdk, "balance");
    FILE *balance = fopen(file, "w");
    if (balance) {
        fprintf(balance, "%d %d", slices, medias);
        fclose(balance);
    }
    free(sdk);
}

Slice_t *NewSlice(void) { slices++; return calloc(1, sizeof(Slice_t)); }
void FreeSlice(Slice_t *slice) { slices--; free(slice->buf); free(slice); }
char *GetContentFromSlice(Slice_t *slice) { return slice->buf; }
int GetSliceLen(Slice_t *slice) { return slice->len; }
MediaData_t *NewMediaData(void) { medias++; return calloc(1, sizeof(MediaData_t)); }
void FreeMediaData(MediaData_t *media) { medias--; free(media->outindexbuf); free(media->data); free(media); }
char *GetOutIndexBuf(MediaData_t *media) { return media->outindexbuf; }
char *GetData(MediaData_t *media) { return media->data; }
int GetIndexLen(MediaData_t *media) { return media->out_len; }
int GetDataLen(MediaData_t *media) { return media->data_len; }
int IsMediaDataFinish(MediaData_t *media) { return media->is_finish; }
