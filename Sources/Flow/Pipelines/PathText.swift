extension String {
    /// The folder of a path as it is written; empty for a bare name.
    ///
    /// `NSString` has the same, and traps on names of one letter.
    var parentPath: String {
        var path = self[...]
        while path.count > 1, path.last == "/" { path = path.dropLast() }
        guard let slash = path.lastIndex(of: "/") else { return "" }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}
