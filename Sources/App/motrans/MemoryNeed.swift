import Artifacts
import StageKit
struct MemoryNeed {
    struct Video { let width: Int; let height: Int; let frames: Int }
    init?(of model: ModelSet, video: Video, rank: Int) { return nil }
    var text: String { "" }
    var value: Value { .null }
}
