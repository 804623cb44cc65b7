module example.com/plimsoll-go

go 1.19
