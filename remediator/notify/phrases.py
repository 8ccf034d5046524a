"""Every fixed word people read, in Chinese and English. A word that is missing is shown as it is named."""

from __future__ import annotations

from collections.abc import Mapping

Words = Mapping[str, tuple[str, str]]  # name: (zh, en)

STATES: Words = {
    "open": ("已立案", "opened"),
    "examining": ("正在检查", "examining"),
    "waiting": ("等待中", "waiting"),
    "asking": ("等您批准", "approve?"),
    "repairing": ("正在修复", "repairing"),
    "verifying": ("正在验证", "verifying"),
    "holding": ("观察中", "watching"),
    "resolved": ("已恢复", "resolved"),
    "escalated": ("需要您处理", "needs you"),
    "held": ("由人接管", "held by a person"),
}
FAULTS: Words = {
    "service_down": ("服务停止", "service down"),
    "hung": ("服务卡死", "service hung"),
    "start_limit_hit": ("启动次数超限", "start limit hit"),
    "segfault": ("进程崩溃", "crashed natively"),
    "port_conflict": ("端口被占", "port taken"),
    "disk_full": ("磁盘满", "disk full"),
    "inodes_full": ("inode 耗尽", "out of inodes"),
    "log_runaway": ("日志暴涨", "logs run away"),
    "cuda_oom": ("显存不足", "GPU out of memory"),
    "vram_pressure": ("显存吃紧", "GPU memory high"),
    "vram_growth": ("显存持续增长", "GPU memory grows"),
    "cuda_context_dead": ("CUDA 上下文损坏", "CUDA context dead"),
    "gpu_needs_reset": ("GPU 需要重置", "GPU needs reset"),
    "gpu_needs_reboot": ("主机需要重启", "host needs reboot"),
    "gpu_hardware": ("GPU 硬件故障", "GPU hardware fault"),
    "gpu_hot": ("GPU 过热", "GPU too hot"),
    "gpu_foreign_process": ("GPU 被他人占用", "GPU used by others"),
    "bad_task_file": ("任务文件有误", "bad task file"),
    "missing_audio": ("缺少音频", "missing audio"),
    "batch_items_failed": ("批量任务部分失败", "batch items failed"),
    "poor_reference": ("参考音频差", "poor reference"),
    "missing_file": ("缺少文件", "missing file"),
    "slow_synthesis": ("合成过慢", "slow synthesis"),
    "overloaded": ("负载已满", "overloaded"),
    "host_oom": ("主机内存不足", "host out of memory"),
    "unreachable": ("主机不可达", "unreachable"),
    "examination_failed": ("检查失败", "examination failed"),
    "network_path": ("网络不通", "network path broken"),
    "false_alarm": ("误报", "false alarm"),
    "unknown": ("原因不明", "unknown cause"),
    "": ("故障", "trouble"),
}
VERDICTS: Words = {
    "go": ("执行", "go"),
    "wait": ("等待", "wait"),
    "ask": ("需批准", "ask"),
    "refuse": ("不执行", "refused"),
}
MODES: Words = {
    "observe": ("只观察 observe", "observe (nothing is done by itself)"),
    "propose": ("先批准 propose", "propose (a person approves)"),
    "act": ("自动处理 act", "act (repairs by itself)"),
}
RUN_STATES: Words = {
    "queued": ("排队", "queued"),
    "running": ("正在运行", "running"),
    "ok": ("成功", "ended well"),
    "failed": ("失败", "failed"),
    "canceled": ("已取消", "canceled"),
    "abandoned": ("中断，结果未知", "abandoned, nobody knows how it ended"),
}
LABELS: Words = {
    "found": ("发现", "Found"),
    "decided": ("决定", "Decided"),
    "run": ("执行", "Run"),
    "result": ("结果", "Result"),
    "owner": ("负责人", "Owner"),
    "you": ("请您", "Do now"),
    "next": ("接下来", "Next"),
    "approve": ("批准", "Approve"),
    "deny": ("否决", "Deny"),
    "until": ("截止", "until"),
    "time": ("时间", "Time"),
    "mode": ("模式", "Mode"),
    "links": ("链接", "Links"),
    "status": ("状态页", "Status page"),
    "runbook": ("手册", "Runbook"),
    "merged": ("合并", "Merged"),
    "open": ("未结", "Open"),
    "message": ("消息", "Message"),
    "incidents": ("故障", "Incidents"),
    "repair": ("修复用时", "Time to repair"),
    "faults": ("种类", "Faults"),
    "gates": ("拦下的措施", "Held back by"),
    "unmatched": ("未识别的错误", "Unmatched ERROR"),
}
GATES: Words = {
    "mode": ("模式不允许", "mode"),
    "stop": ("全部停止", "global stop"),
    "maintenance": ("维护窗口", "maintenance window"),
    "lease": ("主机由人占用", "host leased"),
    "known_host": ("未知主机", "unknown host"),
    "adopted": ("他人部署的服务", "service of others"),
    "running": ("已有执行", "already running"),
    "budget": ("次数用尽", "attempt budget"),
    "cooldown": ("冷却中", "cooldown"),
    "blast_radius": ("影响面过大", "too many hosts out"),
    "shared_cause": ("疑似共同原因", "one cause behind several hosts"),
    "hosts_per_hour": ("一小时内操作主机过多", "too many hosts within the hour"),
    "approval": ("等待批准", "approval"),
    "hold": ("由人接管", "held by a person"),
}
TEXTS: Words = {
    "spoken": ("已听到它说话：{duration_s} 秒语音", "it speaks again: {duration_s} s of speech"),
    "thread": ("故障", "incident"),
    "since_open": ("从发现到现在 {took}", "{took} since it was found"),
    "nothing": ("无需操作", "nothing to do"),
    "owner_unknown": (
        "{owner}（值班表中没有此人，请转告）",
        "{owner} (not in the on-call file; please pass it on)",
    ),
    "owner_missing": ("日志中没有写明，请转告", "the log does not say; please find and tell them"),
    "took": ("用时 {took}", "took {took}"),
    "test": ("测试消息，无需处理", "Test message; nothing to do"),
    "heartbeat": ("守声运行正常", "Remediator is alive"),
    "heartbeat_next": (
        "收不到下一条（{hours} 小时内）就是守声出了问题",
        "if the next one does not come within {hours} h, the remediator itself is in trouble",
    ),
    "alarm": ("通知通道故障：{receiver}", "Channel down: {receiver}"),
    "alarm_found": (
        "消息 {message} 发往 {receiver} 被永久拒绝：{error}",
        "message {message} to {receiver} was refused for good: {error}",
    ),
    "alarm_stuck": (
        "消息 {message} 一直没能送达 {receiver}：{error}",
        "message {message} can't be brought to {receiver}: {error}",
    ),
    "alarm_next": ("请检查该通道的配置", "check that channel's configuration"),
    "backup": ("数据库未能备份", "Database not copied"),
    "backup_next": (
        "请检查控制主机的磁盘，然后运行 systemctl start remediator-backup；旧备份仍在",
        "look at the control host's disk, then systemctl start remediator-backup; older copies are kept",
    ),
    "digest": ("{count} 条消息合并：{incidents} 起", "{count} messages merged: {incidents} incidents"),
    "daily": ("日报 {date}：故障 {count} 起", "Daily {date}: {count} incidents"),
    "daily_counts": (
        "24 小时内 {incidents} 起，已恢复 {resolved} 起；现在未结 {open} 起",
        "{incidents} in 24 h, {resolved} resolved; {open} open now",
    ),
    "daily_repair": ("中位数 {median}，最长 {longest}", "median {median}, longest {longest}"),
}


def word(table: Words, name: str, language: str) -> str:
    """Return the word for `name`, or the name itself where there is none."""
    pair = table.get(name)
    return name if pair is None else pair[0 if language == "zh" else 1]


def say(name: str, language: str, **values: object) -> str:
    """Return the sentence `name` with its values filled in."""
    return word(TEXTS, name, language).format(**values)


def duration(seconds: float, language: str) -> str:
    """Return a duration as people say it."""
    whole = max(0, round(seconds))
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    zh = language == "zh"
    if hours:
        return f"{hours} 小时 {minutes} 分" if zh else f"{hours} h {minutes} min"
    if minutes:
        return f"{minutes} 分 {rest} 秒" if zh else f"{minutes} min {rest} s"
    return f"{rest} 秒" if zh else f"{rest} s"
