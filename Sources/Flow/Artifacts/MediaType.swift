/// What kind of bytes a file holds, judged by its name alone.
public enum MediaType {
    /// The media type of a file name; `application/octet-stream` when the extension says nothing.
    public static func of(path: String) -> String {
        let name = path.utf8.split(separator: UInt8(ascii: "/")).last ?? path.utf8[...]
        guard let dot = name.lastIndex(of: UInt8(ascii: ".")) else { return unknown }
        return byExtension[Substring(name[dot...].dropFirst()).lowercased()] ?? unknown
    }

    private static let unknown = "application/octet-stream"

    private static let byExtension = [
        "avi": "video/x-msvideo", "csv": "text/csv", "gif": "image/gif", "html": "text/html",
        "jpeg": "image/jpeg", "jpg": "image/jpeg", "json": "application/json", "jsonl": "application/jsonl",
        "log": "text/plain", "md": "text/markdown", "mkv": "video/x-matroska", "mov": "video/quicktime",
        "mp4": "video/mp4", "npy": "application/x-npy", "npz": "application/x-npz", "png": "image/png",
        "safetensors": "application/x-safetensors", "svg": "image/svg+xml", "tar": "application/x-tar",
        "txt": "text/plain", "webm": "video/webm", "webp": "image/webp", "yaml": "application/yaml",
        "yml": "application/yaml", "zip": "application/zip",
    ]
}
