public import Artifacts
public import Lineage

/// What is known of something: how it was recognised, where it comes from as a tree, and all behind it as values.
public struct LineageAnswer: Sendable {
    /// For people and programs that walk.
    public let tree: LineageTree
    /// For those who sort.
    public let closure: LineageClosure
    /// How a file was recognised; nil for what was named.
    public let match: FileMatch?
    /// What else there is to say of the file.
    public let note: String?
}

/// Facts for the nodes of a tree, beside those that lineage itself knows.
public struct LineageAnnotations: Sendable {
    /// Of artifacts.
    public var artifacts: [Digest: [(name: String, value: String)]] = [:]
    /// Of attempts.
    public var attempts: [AttemptID: [(name: String, value: String)]] = [:]

    /// None.
    public init() {}
}

/// Where something comes from, or what was made of it, as a tree of values that printers walk.
public struct LineageTree: Sendable {
    /// Which way.
    public enum Direction: String, Hashable, Sendable {
        /// To the ancestors: down to sources, settings and model digests.
        case up
        /// To all that was made of it.
        case down
    }

    /// One thing.
    public final class Node: Sendable {
        /// What it is.
        public enum Kind: String, Hashable, Sendable {
            /// A file's bytes.
            case object
            /// A file tree that a step gave or took.
            case artifact
            /// One try at a step.
            case attempt
            /// A file of the user's.
            case source
            /// A part of a model.
            case model
        }

        /// What it is.
        public let kind: Kind
        /// Unique in the graph: the digest, or the name of an attempt.
        public let id: String
        /// One line.
        public let title: String
        /// Small facts in the order to show them: versions, sizes, prompts, digests.
        public let facts: [(name: String, value: String)]
        /// Of an attempt, every setting by name, defaults too.
        public let settings: [(name: String, value: String)]
        /// What it comes from (or what was made of it), each with the name of the port or relation.
        public let edges: [Edge]
        /// Whether it was shown with all below it before, and so has no edges here.
        public let isRepeated: Bool

        init(
            kind: Kind, id: String, title: String, facts: [(name: String, value: String)],
            settings: [(name: String, value: String)] = [], edges: [Edge], isRepeated: Bool
        ) {
            self.kind = kind
            self.id = id
            self.title = title
            self.facts = facts
            self.settings = settings
            self.edges = edges
            self.isRepeated = isRepeated
        }
    }

    /// The way from one thing to another.
    public struct Edge: Sendable {
        /// A port, or `made by`, `file of`, `source`, `model`.
        public let label: String
        /// What is there.
        public let node: Node
    }

    /// Which way the edges go.
    public let direction: Direction
    /// What was asked for.
    public let root: Node
}
