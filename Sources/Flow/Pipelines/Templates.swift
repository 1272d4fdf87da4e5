/// The templates that are built in.
public enum Templates {
    /// Names and texts, as in `pipelines/templates`, the most useful first.
    public static var all: [(name: String, text: String)] { texts }
}
